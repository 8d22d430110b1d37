//! The world outside: mail that comes in, and users who read it. What a server acknowledged is
//! written down: that is what must not be lost.

use std::fs::File;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::daemon::ask;
use crate::home::{Home, now};
use crate::store::{Queued, Store, sha256};
use crate::{flag, operands, option};

/// A line of the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noted {
    /// A message is about to be given to the server.
    Offered { id: String, user: String, sha256: String },
    /// The server answers for it.
    Accepted { id: String },
    /// A user is about to do something.
    Asked { mailbox: String, id: String, what: What },
    /// The server did it.
    Done,
    /// The server refused, or could not be reached: nothing happened.
    Refused,
}

/// What users do with a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    Set { flag: String },
    Clear { flag: String },
    Move { to: String },
    Delete,
}

/// The record: a line is on the disk before anything else happens.
pub struct Record(File);

impl Record {
    pub fn open(args: &[String]) -> Result<Self> {
        let path = option(args, "--record").context("--record FILE is needed")?;
        Ok(Self(
            File::options()
                .create(true)
                .append(true)
                .open(path)
                .with_context(|| format!("cannot open {path}"))?,
        ))
    }

    pub fn note(&mut self, line: &Noted) -> Result<()> {
        let text = serde_json::to_string(line)? + "\n";
        self.0
            .write_all(text.as_bytes())
            .and_then(|()| self.0.sync_data())
            .context("cannot write the record")
    }
}

/// Of an error of [`ask`]: did it happen? `None` is not known.
fn outcome(error: &anyhow::Error) -> Option<Noted> {
    (!format!("{error:#}").starts_with("unsure")).then_some(Noted::Refused)
}

fn home(args: &[String]) -> Result<Home> {
    Ok(Home::at(option(args, "--home").context("--home INSTALLATION is needed")?))
}

const VALUED: &[&str] = &["--home", "--record", "--users", "--count", "--every", "--name"];

/// `deliver --home H --record F --users a,b --count N [--every MS] [--local] [--name N]`: sends
/// mail. With `--local` it is put into the queue as a program on the host does it: that needs an
/// installation, and no server. A message that is refused is not sent again; the number accepted is
/// printed.
pub fn deliver(args: &[String]) -> Result<ExitCode> {
    let (home, mut record) = (home(args)?, Record::open(args)?);
    if let Some(odd) = operands(args, VALUED).first() {
        bail!("{odd:?} is not understood");
    }
    let users: Vec<&str> =
        option(args, "--users").context("--users is needed")?.split(',').collect();
    let count: u64 = option(args, "--count").unwrap_or("1").parse()?;
    let every = Duration::from_millis(option(args, "--every").unwrap_or("0").parse()?);
    let name = option(args, "--name").unwrap_or("mail").to_owned();
    let mut accepted = 0u64;
    for number in 1..=count {
        let id = format!("{name}.{number}.{}", std::process::id());
        let user = users[usize::try_from(number)? % users.len()];
        let body = format!(
            "Message-ID: <{id}>\nTo: {user}\n\nThis is message {number} of {name}.\n{}",
            "A line of text.\n".repeat(usize::try_from(number % 40)?)
        );
        record.note(&Noted::Offered {
            id: id.clone(),
            user: user.to_owned(),
            sha256: sha256(body.as_bytes()),
        })?;
        let message = Queued { id: id.clone(), to: user.to_owned(), internal: now(), body };
        let result = if flag(args, "--local") {
            home.version().and_then(|_| Store::lock(&home)?.enqueue(&message))
        } else {
            ask(&home, "dispatcher", &serde_json::to_value(&message)?).map(drop)
        };
        match result {
            Ok(()) => {
                accepted += 1;
                record.note(&Noted::Accepted { id })?;
            }
            Err(error) => {
                if let Some(line) = outcome(&error) {
                    record.note(&line)?;
                }
            }
        }
        std::thread::sleep(every);
    }
    println!("{accepted} accepted");
    Ok(ExitCode::SUCCESS)
}

/// `imap --home H --record F --count N`: users read, flag, move and delete, each by its own number,
/// so that two runs over the same mail do the same. `imap --home H --list` prints what they see.
pub fn imap(args: &[String]) -> Result<ExitCode> {
    let home = home(args)?;
    let seen = ask(&home, "imapd", &json!({ "do": "list" }))?;
    let messages = seen.as_array().context("a list")?;
    if flag(args, "--list") {
        let mut lines: Vec<String> = messages.iter().map(Value::to_string).collect();
        lines.sort();
        lines.iter().for_each(|line| println!("{line}"));
        return Ok(ExitCode::SUCCESS);
    }
    let mut record = Record::open(args)?;
    let count: usize = option(args, "--count").unwrap_or("1").parse()?;
    let mut done = 0;
    for (number, message) in messages.iter().enumerate().take(count) {
        let (mailbox, id) = (text(message, "mailbox")?, text(message, "id")?);
        let user = mailbox.split('/').take(2).collect::<Vec<_>>().join("/");
        let flag = |flag: &str| flag.to_owned();
        let (what, question) = match number % 6 {
            0 => (
                What::Set { flag: flag("seen") },
                json!({ "do": "flag", "flag": "seen", "set": true }),
            ),
            1 => (
                What::Set { flag: flag("flagged") },
                json!({ "do": "flag", "flag": "flagged", "set": true }),
            ),
            2 => (
                What::Move { to: format!("{user}/Archive") },
                json!({ "do": "move", "to": format!("{user}/Archive") }),
            ),
            3 => (What::Delete, json!({ "do": "delete" })),
            4 => (
                What::Set { flag: flag("answered") },
                json!({ "do": "flag", "flag": "answered", "set": true }),
            ),
            _ => (
                What::Clear { flag: flag("seen") },
                json!({ "do": "flag", "flag": "seen", "set": false }),
            ),
        };
        if what == (What::Move { to: mailbox.clone() }) {
            continue;
        }
        let mut question = question;
        question["mailbox"] = json!(mailbox);
        question["id"] = json!(id);
        record.note(&Noted::Asked { mailbox, id, what })?;
        match ask(&home, "imapd", &question) {
            Ok(_) => {
                done += 1;
                record.note(&Noted::Done)?;
            }
            Err(error) => {
                if let Some(line) = outcome(&error) {
                    record.note(&line)?;
                }
            }
        }
    }
    println!("{done} done");
    Ok(ExitCode::SUCCESS)
}

fn text(value: &Value, key: &str) -> Result<String> {
    Ok(value[key].as_str().with_context(|| format!("no {key}"))?.to_owned())
}
