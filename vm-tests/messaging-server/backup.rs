//! `imsbackup`.

use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use chrono::{Local, NaiveDate, NaiveDateTime, TimeZone, Utc};

use crate::daemon::needs_store;
use crate::home::Home;
use crate::store::Store;
use crate::stream::{Record, Writer};
use crate::{flag, operands, option};

const VALUED: &[&str] = &["-f", "-b", "-d", "-u", "-m", "-e"];

/// `-d` as seconds since 1970. The documentation does not say in which zone: `backup.zone` does.
fn since(text: &str, zone: &str) -> Result<i64> {
    let day = |text: &str| {
        NaiveDate::parse_from_str(text, "%Y%m%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0))
    };
    let time = if text.contains(':') {
        NaiveDateTime::parse_from_str(text, "%Y%m%d:%H%M%S").ok()
    } else {
        day(text)
    };
    let time = time.with_context(|| format!("{text:?} is not YYYYMMDD[:HHMMSS]"))?;
    let found = match zone {
        "utc" => Some(Utc.from_utc_datetime(&time).timestamp()),
        // An hour that is there twice is the earlier one.
        _ => Local.from_local_datetime(&time).earliest().map(|time| time.timestamp()),
    };
    found.with_context(|| format!("{text:?} is no time in this zone"))
}

/// Whether a mailbox is under one of `/`, `/PARTITION`, `/PARTITION/GROUP`,
/// `/PARTITION/GROUP/USER`.
pub fn selected(partition: &str, mailbox: &str, objects: &[String]) -> bool {
    let path = format!("/{partition}/{mailbox}");
    objects.iter().any(|object| {
        let object = object.trim_end_matches('/');
        path == object || path.starts_with(&format!("{object}/"))
    })
}

/// The objects of `-u FILE` and of the command line; all, when none is named.
pub fn objects(args: &[String], valued: &[&str]) -> Result<Vec<String>> {
    let mut found: Vec<String> = operands(args, valued).into_iter().map(str::to_owned).collect();
    if let Some(file) = option(args, "-u") {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
        found
            .extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    }
    if found.is_empty() {
        found.push("/".into());
    }
    if let Some(odd) = found.iter().find(|object| !object.starts_with('/')) {
        bail!("{odd:?} does not begin with /");
    }
    Ok(found)
}

pub fn imsbackup(args: &[String]) -> Result<ExitCode> {
    let home = Home::of_this_program()?;
    let mut trouble = home.trouble("imsbackup")?;
    needs_store(&home)?;
    let device = option(args, "-f").context("-f FILE or -f - is needed")?;
    let from = option(args, "-d")
        .map(|text| since(text, &home.setting("backup.zone", "local")?))
        .transpose()?;
    if let Some(links) = option(args, "-m") {
        links.parse::<u32>().context("-m needs a number of links")?;
    }
    let objects = objects(args, VALUED)?;
    let verbose = flag(args, "-v");
    let to_stdout = home.setting("backup.verbose", "stderr")? == "stdout";
    let changes =
        if flag(args, "-x") { home.setting("backup.x", "changes")? } else { "none".into() };
    let blocking = option(args, "-b").unwrap_or("20").parse().context("-b needs a number")?;
    let sink: Box<dyn Write> = if device == "-" {
        Box::new(stdout())
    } else {
        Box::new(File::create(device).with_context(|| format!("cannot write {device}"))?)
    };
    if let Some(code) = trouble.lie("cannot read partition primary") {
        return Ok(code);
    }
    let mut writer = Writer::new(BufWriter::new(sink), blocking)?;
    // Not in the head of the loop: the lock would last as long as that.
    let names = Store::lock(&home)?.list()?;
    for name in names {
        let store = Store::lock(&home)?;
        if !selected(store.partition(&name), &name, &objects) {
            continue;
        }
        let mailbox = store.load(&name)?;
        let messages: Vec<_> = mailbox
            .messages
            .iter()
            .filter(|it| {
                from.is_none_or(|from| {
                    it.saved >= from || (changes == "changes" && it.changed >= from)
                })
            })
            .collect();
        let expunged: Vec<_> = mailbox
            .expunged
            .iter()
            .filter(|it| changes != "none" && from.is_none_or(|from| it.when >= from))
            .collect();
        writer.record(&Record::Mailbox { name: name.clone(), uidvalidity: mailbox.uidvalidity })?;
        // What is gone first: a message that left and came back is there in the end.
        for gone in expunged {
            trouble.item();
            writer.record(&Record::Expunged(gone.clone()))?;
        }
        for message in messages {
            trouble.item();
            writer.record(&Record::Message {
                message: message.clone(),
                body: store.body(&name, message.uid)?,
            })?;
            if verbose {
                let line = format!("/{}/{name} {}", store.partition(&name), message.uid);
                if to_stdout { println!("{line}") } else { eprintln!("{line}") }
            }
        }
    }
    let (_, records) = writer.finish()?;
    if device != "-" {
        File::open(device)
            .and_then(|file| file.sync_all())
            .with_context(|| format!("cannot flush {device}"))?;
    }
    if verbose {
        eprintln!("{records} records");
    }
    Ok(ExitCode::SUCCESS)
}
