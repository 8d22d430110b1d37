//! Commands that look: `imsimta version`, `imcheck`, `mboxutil`, and `reconstruct`, which mends
//! what it finds.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::daemon::needs_store;
use crate::home::Home;
use crate::store::{FLAGS, Mailbox, Message, Store, format_of};
use crate::{flag, operands, option};

pub fn imsimta(args: &[String]) -> Result<ExitCode> {
    let home = Home::of_this_program()?;
    if args.first().map(String::as_str) != Some("version") {
        bail!("only `imsimta version` is in this stand-in");
    }
    let version = home.version()?;
    let name = match version.strip_prefix("7.0.5.") {
        Some(patch) => format!("7u5-{patch}({version})"),
        None => version,
    };
    println!("Messaging Server {name} 64bit (a stand-in, for tests)");
    Ok(ExitCode::SUCCESS)
}

/// `0` or `1` for Recent, Deleted, Seen, Answered, Flagged, Draft, Archived.
fn bits(message: &Message) -> String {
    let bit = |flag: &str| if message.flags.contains(flag) { '1' } else { '0' };
    let known: String =
        ["deleted", "seen", "answered", "flagged", "draft"].iter().map(|flag| bit(flag)).collect();
    debug_assert_eq!(known.len(), FLAGS.len());
    format!("0{known}0")
}

pub fn imcheck(args: &[String]) -> Result<ExitCode> {
    let home = Home::of_this_program()?;
    let trouble = home.trouble("imcheck")?;
    needs_store(&home)?;
    if let Some(code) = trouble.lie("cannot open the index") {
        return Ok(code);
    }
    let store = Store::lock(&home)?;
    if flag(args, "-s") {
        println!("{} mailboxes, format {}", store.list()?.len(), format_of(&home.version()?));
        return Ok(ExitCode::SUCCESS);
    }
    let names = match (option(args, "-m"), option(args, "-p")) {
        (Some(name), _) => vec![name.to_owned()],
        (None, Some(partition)) if store.partitions().iter().any(|known| known == partition) => {
            store.list()?.into_iter().filter(|name| store.partition(name) == partition).collect()
        }
        (None, Some(other)) => bail!("there is no partition {other}"),
        (None, None) => bail!("-m MAILBOX, -p PARTITION or -s is needed"),
    };
    let separator = option(args, "-S").unwrap_or("|");
    for name in names {
        let mailbox = store.load(&name)?;
        if flag(args, "-e") {
            mailbox.expunged.iter().for_each(|gone| println!("{name} {}", gone.uid));
        } else if flag(args, "-D") {
            for it in &mailbox.messages {
                let (uid, date, size) =
                    (it.uid.to_string(), it.internal.to_string(), it.size.to_string());
                println!(
                    "{}",
                    [name.as_str(), &uid, &it.id, &date, &size, &bits(it), "0"].join(separator)
                );
            }
        } else {
            table(&home, &mailbox)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(home: &Home, mailbox: &Mailbox) -> Result<()> {
    println!("Name: {}", mailbox.name);
    println!("Version: {}", format_of(&home.version()?));
    println!("Exists: {}", mailbox.messages.len());
    println!("Expunged: {}", mailbox.expunged.len());
    println!("UIDValidity: {}", mailbox.uidvalidity);
    println!(
        "{:>6} {:>12} {:>12} {:>8} {:>8} Message-ID",
        "UID", "Internal", "Saved", "Size", "SFlags"
    );
    for it in &mailbox.messages {
        println!(
            "{:>6} {:>12} {:>12} {:>8} {:>8} {}",
            it.uid,
            it.internal,
            it.saved,
            it.size,
            bits(it),
            it.id
        );
    }
    Ok(())
}

pub fn mboxutil(args: &[String]) -> Result<ExitCode> {
    let home = Home::of_this_program()?;
    needs_store(&home)?;
    let store = Store::lock(&home)?;
    if flag(args, "-l") {
        for name in store.list()? {
            let mailbox = store.load(&name)?;
            let kilobytes = mailbox.messages.iter().map(|it| it.size).sum::<u64>().div_ceil(1024);
            println!(
                "{:>8} {kilobytes:>8}  {}  {name}",
                mailbox.messages.len(),
                store.partition(&name)
            );
        }
    } else if let Some(name) = option(args, "-c") {
        store.create(name)?;
    } else if flag(args, "-d") {
        // `user/NAME/*` as a pattern is all that a user has, and so is the INBOX.
        let pattern = option(args, "-p")
            .map(|pattern| {
                pattern.strip_suffix("/*").context("only user/NAME/* is in this stand-in")
            })
            .transpose()?;
        match (pattern, option(args, "-d").context("-d MAILBOX or -d -p PATTERN")?) {
            (Some(name), _) => {
                store.delete_user(name.strip_prefix("user/").context("user/NAME/* is needed")?)?
            }
            (None, name) => {
                match name.strip_suffix("/INBOX").and_then(|name| name.strip_prefix("user/")) {
                    Some(user) => store.delete_user(user)?,
                    None => store.delete(name)?,
                }
            }
        }
    } else {
        bail!("-l, -c MAILBOX or -d MAILBOX is needed");
    }
    Ok(ExitCode::SUCCESS)
}

/// `-m` makes the mailbox list again, `-r [MAILBOX]` the indexes.
pub fn reconstruct(args: &[String]) -> Result<ExitCode> {
    let home = Home::of_this_program()?;
    let store = Store::lock(&home)?;
    if flag(args, "-m") {
        println!("{} mailboxes", store.rebuild_list()?);
        return Ok(ExitCode::SUCCESS);
    }
    if !flag(args, "-r") {
        bail!("-m, or -r [MAILBOX], is needed");
    }
    let names = match operands(args, &[]).first() {
        Some(name) => vec![(*name).to_owned()],
        None => store.list().context("the mailbox list: reconstruct -m makes it again")?,
    };
    for name in names {
        println!("{name}: {} messages, all flags reset", store.reconstruct(&name)?);
    }
    Ok(ExitCode::SUCCESS)
}
