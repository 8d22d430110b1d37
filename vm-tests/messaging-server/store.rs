//! The message store: a mailbox list, an index for each mailbox, a file for each message, each kind
//! in an area of its own; and the queue.
//!
//! The formats of versions below 8.0.1 and from 8.0.1 on differ. A newer version converts what it
//! opens; an older one cannot read what was converted.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::home::{Home, at_least, durable, now, remove};

/// The system flags.
pub const FLAGS: [&str; 5] = ["answered", "deleted", "draft", "flagged", "seen"];

/// What the index says of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub uid: u64,
    /// Its message-id.
    pub id: String,
    /// When it came to the server.
    pub internal: i64,
    /// When it was put into this mailbox.
    pub saved: i64,
    /// When its flags were last changed.
    pub changed: i64,
    pub flags: BTreeSet<String>,
    pub size: u64,
    pub sha256: String,
}

/// A message that is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expunged {
    pub uid: u64,
    pub id: String,
    pub internal: i64,
    pub when: i64,
}

/// The index of a mailbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mailbox {
    pub name: String,
    pub uidvalidity: i64,
    pub uidnext: u64,
    pub messages: Vec<Message>,
    pub expunged: Vec<Expunged>,
}

/// A message in the queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queued {
    pub id: String,
    pub to: String,
    pub internal: i64,
    pub body: String,
}

/// The format that a version writes.
pub fn format_of(version: &str) -> u32 {
    if at_least(version, "8.0.1") { 112 } else { 104 }
}

/// The store, locked against all others while this lives.
pub struct Store {
    root: PathBuf,
    format: u32,
    partitions: Vec<String>,
    _lock: Flock<File>,
}

impl Store {
    /// Waits until nobody else works on it.
    pub fn lock(home: &Home) -> Result<Self> {
        let path = home.proc("store.lock")?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        let lock = Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, error)| error)
            .context("cannot lock the store")?;
        let mut partitions = vec!["primary".to_owned()];
        partitions.extend(home.setting("partitions", "")?.split_whitespace().map(str::to_owned));
        Ok(Self {
            root: home.data()?.join("store"),
            format: format_of(&home.version()?),
            partitions,
            _lock: lock,
        })
    }

    pub fn list_file(&self) -> PathBuf {
        self.root.join("mboxlist/folder.db")
    }

    /// All partitions, `primary` first.
    pub fn partitions(&self) -> &[String] {
        &self.partitions
    }

    /// Where the mailboxes of a user are: `partitions` of the configuration names more than
    /// `primary`.
    pub fn partition(&self, name: &str) -> &str {
        let user = name.split('/').nth(1).unwrap_or_default();
        let sum: usize = user.bytes().map(usize::from).sum();
        &self.partitions[sum % self.partitions.len()]
    }

    fn index_file(&self, name: &str) -> PathBuf {
        self.root
            .join("index")
            .join(self.partition(name))
            .join(format!("{}.idx", name.replace('/', "%")))
    }

    fn body_file(&self, name: &str, uid: u64) -> PathBuf {
        self.root
            .join("messages")
            .join(self.partition(name))
            .join(name.replace('/', "%"))
            .join(format!("{uid}.msg"))
    }

    /// The format that a file is in, and what stands behind it.
    fn read(path: &Path) -> Result<(u32, String)> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let (head, rest) =
            text.split_once('\n').with_context(|| format!("{} is damaged", path.display()))?;
        let format = head.parse().with_context(|| format!("{} is damaged", path.display()))?;
        Ok((format, rest.to_owned()))
    }

    fn write(&self, path: &Path, value: &impl Serialize) -> Result<()> {
        durable(path, format!("{}\n{}", self.format, serde_json::to_string(value)?).as_bytes())
    }

    /// The names of all mailboxes. An old list is not read before `stored` has converted it.
    pub fn list(&self) -> Result<Vec<String>> {
        let path = self.list_file();
        if !path.exists() {
            return Ok(Vec::new());
        }
        let (format, rest) = Self::read(&path)?;
        if format > self.format {
            bail!("{}: the mailbox list has an invalid format", path.display());
        }
        Ok(serde_json::from_str(&rest)?)
    }

    /// Brings the mailbox list into this version's format.
    pub fn convert_list(&self) -> Result<()> {
        let names = self.list()?;
        self.write(&self.list_file(), &names)
    }

    /// Makes the mailbox list again from the indexes that are there.
    pub fn rebuild_list(&self) -> Result<usize> {
        let mut names = Vec::new();
        for partition in &self.partitions {
            for entry in fs::read_dir(self.root.join("index").join(partition))? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                names.extend(name.strip_suffix(".idx").map(|name| name.replace('%', "/")));
            }
        }
        names.sort();
        self.write(&self.list_file(), &names)?;
        Ok(names.len())
    }

    /// Makes a mailbox, unless it is there.
    pub fn create(&self, name: &str) -> Result<()> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._- @".contains(c);
        if !name.starts_with("user/") || !name.chars().all(plain) {
            bail!("{name:?} cannot be the name of a mailbox");
        }
        let mut names = self.list()?;
        if names.iter().any(|known| known == name) {
            return Ok(());
        }
        // The index first: a name in the list has a mailbox.
        self.save(&Mailbox {
            name: name.to_owned(),
            uidvalidity: now(),
            uidnext: 1,
            messages: Vec::new(),
            expunged: Vec::new(),
        })?;
        names.push(name.to_owned());
        names.sort();
        self.write(&self.list_file(), &names)
    }

    /// Removes a mailbox with all that is in it.
    pub fn delete(&self, name: &str) -> Result<()> {
        let mut names = self.list()?;
        names.retain(|known| known != name);
        self.write(&self.list_file(), &names)?;
        let mailbox = self.load(name)?;
        mailbox
            .messages
            .iter()
            .try_for_each(|message| remove(&self.body_file(name, message.uid)))?;
        remove(&self.index_file(name))
    }

    /// Opens a mailbox; one in an older format is converted, one in a newer format cannot be read.
    pub fn load(&self, name: &str) -> Result<Mailbox> {
        let (format, rest) = Self::read(&self.index_file(name))?;
        if format > self.format {
            bail!("{name}: Mailbox has an invalid format");
        }
        let mailbox: Mailbox =
            serde_json::from_str(&rest).with_context(|| format!("{name}: the index is damaged"))?;
        if format < self.format {
            self.save(&mailbox)?;
        }
        Ok(mailbox)
    }

    /// What is in a mailbox, whatever its format: for those who look from outside.
    pub fn peek(&self, name: &str) -> Result<Mailbox> {
        Ok(serde_json::from_str(&Self::read(&self.index_file(name))?.1)?)
    }

    /// The names of all mailboxes, whatever the list's format.
    pub fn peek_list(&self) -> Result<Vec<String>> {
        let path = self.list_file();
        if path.exists() {
            Ok(serde_json::from_str(&Self::read(&path)?.1)?)
        } else {
            Ok(Vec::new())
        }
    }

    pub fn save(&self, mailbox: &Mailbox) -> Result<()> {
        self.write(&self.index_file(&mailbox.name), mailbox)
    }

    pub fn body(&self, name: &str, uid: u64) -> Result<String> {
        let path = self.body_file(name, uid);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Puts a message into a mailbox.
    pub fn append(
        &self,
        mailbox: &mut Mailbox,
        id: &str,
        internal: i64,
        flags: BTreeSet<String>,
        body: &str,
    ) -> Result<()> {
        let uid = mailbox.uidnext;
        durable(&self.body_file(&mailbox.name, uid), body.as_bytes())?;
        let (saved, sha256) = (now(), sha256(body.as_bytes()));
        mailbox.uidnext += 1;
        let message = Message {
            uid,
            id: id.to_owned(),
            internal,
            saved,
            changed: saved,
            flags,
            size: body.len() as u64,
            sha256,
        };
        mailbox.messages.push(message);
        self.save(mailbox)
    }

    /// Takes messages out of a mailbox for good.
    pub fn expunge(&self, mailbox: &mut Mailbox, gone: impl Fn(&Message) -> bool) -> Result<usize> {
        let (out, kept): (Vec<Message>, Vec<Message>) = mailbox.messages.drain(..).partition(gone);
        mailbox.messages = kept;
        let when = now();
        mailbox.expunged.extend(out.iter().map(|it| Expunged {
            uid: it.uid,
            id: it.id.clone(),
            internal: it.internal,
            when,
        }));
        self.save(mailbox)?;
        out.iter().try_for_each(|message| remove(&self.body_file(&mailbox.name, message.uid)))?;
        Ok(out.len())
    }

    /// Makes a mailbox again from its message files: what only the index knew is lost.
    pub fn reconstruct(&self, name: &str) -> Result<usize> {
        let mut mailbox = self.peek(name)?;
        mailbox.messages.retain(|message| self.body_file(name, message.uid).exists());
        mailbox.messages.iter_mut().for_each(|message| message.flags.clear());
        mailbox.expunged.clear();
        self.save(&mailbox)?;
        Ok(mailbox.messages.len())
    }

    fn queue_folder(&self) -> PathBuf {
        self.root.with_file_name("queue").join("ims-ms")
    }

    /// What is in the queue, oldest first.
    pub fn queue(&self) -> Result<Vec<Queued>> {
        let folder = self.queue_folder();
        let mut list = Vec::new();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(list),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", folder.display()));
            }
        };
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|it| it == "msg") {
                list.push(
                    serde_json::from_slice::<Queued>(&fs::read(&path)?)
                        .with_context(|| format!("{} is damaged", path.display()))?,
                );
            }
        }
        list.sort_by(|a, b| (a.internal, &a.id).cmp(&(b.internal, &b.id)));
        Ok(list)
    }

    /// Takes a message: when this returns, the server answers for it.
    pub fn enqueue(&self, message: &Queued) -> Result<()> {
        durable(
            &self.queue_folder().join(format!("{}.msg", message.id)),
            &serde_json::to_vec(message)?,
        )
    }

    /// Moves a message from the queue into its mailbox, once, however often that is cut off.
    pub fn deliver(&self, message: &Queued) -> Result<()> {
        let inbox = format!("user/{}", message.to);
        self.create(&inbox)?;
        let mut known = false;
        for name in self
            .list()?
            .iter()
            .filter(|name| **name == inbox || name.starts_with(&format!("{inbox}/")))
        {
            let mailbox = self.load(name)?;
            known |= mailbox.messages.iter().any(|it| it.id == message.id)
                || mailbox.expunged.iter().any(|it| it.id == message.id);
        }
        if !known {
            let mut mailbox = self.load(&inbox)?;
            self.append(
                &mut mailbox,
                &message.id,
                message.internal,
                BTreeSet::new(),
                &message.body,
            )?;
        }
        self.dequeue(&message.id)
    }

    /// Forgets a message that somebody else answers for.
    pub fn dequeue(&self, id: &str) -> Result<()> {
        remove(&self.queue_folder().join(format!("{id}.msg")))
    }

    /// Removes all mailboxes of a user.
    pub fn delete_user(&self, user: &str) -> Result<()> {
        let inbox = format!("user/{user}");
        let of_user = |name: &&String| **name == inbox || name.starts_with(&format!("{inbox}/"));
        self.list()?.iter().filter(of_user).try_for_each(|name| self.delete(name))
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
