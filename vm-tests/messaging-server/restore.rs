//! `imsrestore`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::backup::{objects, selected};
use crate::daemon::needs_store;
use crate::home::{Home, Trouble, at_least, now};
use crate::store::{Message, Store};
use crate::stream::{Reader, Record};
use crate::{flag, option};

const VALUED: &[&str] = &["-f", "-b", "-c", "-m", "-u", "-v", "-e", "-r"];

/// What came of it.
#[derive(Default)]
struct Tally {
    restored: u64,
    skipped: u64,
    changed: u64,
    expunged: u64,
}

struct Job<'a> {
    home: &'a Home,
    trouble: Trouble,
    objects: Vec<String>,
    /// New names of users.
    renamed: BTreeMap<String, String>,
    /// `-E`: what exists gets flags and expunges, too.
    existing: bool,
    /// `-i`: nobody looks whether a message exists.
    blind: bool,
    /// Whether this version restores flags at all.
    flags: bool,
    verbose: u32,
    tally: Tally,
}

pub fn imsrestore(args: &[String]) -> Result<ExitCode> {
    let home = Home::of_this_program()?;
    let mut trouble = home.trouble("imsrestore")?;
    let device = option(args, "-f").context("-f FILE or -f - is needed")?;
    let source: Box<dyn BufRead> = if device == "-" {
        Box::new(BufReader::new(stdin()))
    } else {
        Box::new(BufReader::new(
            File::open(device).with_context(|| format!("cannot open {device}"))?,
        ))
    };
    let reader = Reader::new(source)?;
    let objects = objects(args, VALUED)?;
    let verbose =
        option(args, "-v").map_or(Ok(1), str::parse).context("-v needs a number from 0 to 5")?;
    if flag(args, "-t") {
        return contents(reader, verbose, &mut trouble);
    }
    needs_store(&home)?;
    if flag(args, "-n") {
        bail!("-n (into a new mailbox) is not in this stand-in");
    }
    if let Some(code) = trouble.lie("cannot lock the mailbox list") {
        return Ok(code);
    }
    let mut renamed = BTreeMap::new();
    if let Some(file) = option(args, "-m") {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
        renamed.extend(
            text.lines()
                .filter_map(|line| line.split_once('='))
                .map(|(old, new)| (old.trim().to_owned(), new.trim().to_owned())),
        );
    }
    let mut job = Job {
        existing: flag(args, "-E") && home.setting("restore.E", "apply")? == "apply",
        blind: flag(args, "-i"),
        flags: at_least(&home.version()?, "7.0.5.29.0"),
        home: &home,
        trouble,
        objects,
        renamed,
        verbose,
        tally: Tally::default(),
    };
    job.run(reader)?;
    let Tally { restored, skipped, changed, expunged } = job.tally;
    println!("{restored} restored, {skipped} skipped, {changed} changed, {expunged} expunged");
    Ok(ExitCode::SUCCESS)
}

/// `-t`: what is in the stream; nothing is restored.
fn contents(
    mut reader: Reader<Box<dyn BufRead>>,
    verbose: u32,
    trouble: &mut Trouble,
) -> Result<ExitCode> {
    let (mut name, mut count) = (String::new(), 0u64);
    while let Some(record) = reader.next()? {
        match record {
            Record::Mailbox { name: next, .. } => {
                name = next;
                println!("/primary/{name}");
            }
            Record::Message { message, .. } => {
                trouble.item();
                count += 1;
                if verbose > 1 {
                    println!("/primary/{name}/{} {} {}", message.uid, message.id, message.size);
                }
            }
            Record::Expunged(_) | Record::End { .. } => {}
        }
    }
    println!("{count} messages");
    Ok(ExitCode::SUCCESS)
}

impl Job<'_> {
    fn run(&mut self, mut reader: Reader<Box<dyn BufRead>>) -> Result<()> {
        let mut name: Option<String> = None;
        while let Some(record) = reader.next()? {
            self.trouble.item();
            match record {
                Record::Mailbox { name: next, .. } => {
                    let store = Store::lock(self.home)?;
                    name = selected(store.partition(&next), &next, &self.objects)
                        .then(|| self.rename(&next));
                    if let Some(name) = &name {
                        store.create(name)?;
                        if self.verbose > 0 {
                            println!("/{}/{name}", store.partition(name));
                        }
                    }
                }
                Record::Message { message, body } => {
                    if let Some(name) = &name {
                        self.message(name, &message, &body)?;
                    }
                }
                Record::Expunged(gone) => {
                    if let Some(name) = name.as_ref().filter(|_| self.existing) {
                        let store = Store::lock(self.home)?;
                        let mut mailbox = store.load(name)?;
                        self.tally.expunged += store.expunge(&mut mailbox, |it| {
                            (&it.id, it.internal) == (&gone.id, gone.internal)
                        })? as u64;
                    }
                }
                Record::End { .. } => {}
            }
        }
        Ok(())
    }

    fn rename(&self, mailbox: &str) -> String {
        let mut parts: Vec<&str> = mailbox.split('/').collect();
        if let Some(new) = parts.get(1).and_then(|user| self.renamed.get(*user)) {
            parts[1] = new;
        }
        parts.join("/")
    }

    fn message(&mut self, name: &str, message: &Message, body: &str) -> Result<()> {
        let store = Store::lock(self.home)?;
        let mut mailbox = store.load(name)?;
        let known = mailbox
            .messages
            .iter_mut()
            .find(|it| (&it.id, it.internal) == (&message.id, message.internal));
        match known.filter(|_| !self.blind) {
            Some(known) if self.existing && self.flags && known.flags != message.flags => {
                known.flags = message.flags.clone();
                known.changed = now();
                store.save(&mailbox)?;
                self.tally.changed += 1;
            }
            Some(_) => self.tally.skipped += 1,
            None => {
                let flags = if self.flags { message.flags.clone() } else { Default::default() };
                store.append(&mut mailbox, &message.id, message.internal, flags, body)?;
                self.tally.restored += 1;
            }
        }
        Ok(())
    }
}
