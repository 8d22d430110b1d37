//! What a server holds, read key by key: the playbook's lists have no part in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;

use super::client::{Client, Reply};
use crate::outcome::shown;

/// A text for each key and function.
pub type Dump = BTreeMap<String, String>;

/// How many differences are shown, and how long each.
const SHOWN: usize = 8;
const LONGEST: usize = 300;

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn texts(reply: &Reply) -> Vec<String> {
    reply.list().iter().map(|it| text(&it.bytes())).collect()
}

/// Everything.
pub fn take(socket: &str) -> Result<Dump> {
    let mut client = Client::connect(socket)?;
    let mut dump = Dump::new();
    for library in client.ask(&["FUNCTION", "LIST", "WITHCODE"])?.list() {
        let code = library.named("library_code").bytes();
        dump.insert(
            format!("function {}", text(&library.named("library_name").bytes())),
            text(&code),
        );
    }
    for db in 0..4 {
        client.ask(&["SELECT", &db.to_string()])?;
        for key in client.ask(&["KEYS", "*"])?.list() {
            let key = key.bytes();
            let value = value(&mut client, &key)?;
            dump.insert(format!("{db} {}", text(&key)), value);
        }
    }
    Ok(dump)
}

fn value(client: &mut Client, key: &[u8]) -> Result<String> {
    let mut ask = |before: &[&str], after: &[&str]| {
        let mut words: Vec<Vec<u8>> = before.iter().map(|it| it.as_bytes().to_vec()).collect();
        words.push(key.to_vec());
        words.extend(after.iter().map(|it| it.as_bytes().to_vec()));
        client.ask_bytes(&words)
    };
    let kind = text(&ask(&["TYPE"], &[])?.bytes());
    let ends = text(&ask(&["PEXPIRETIME"], &[])?.bytes());
    let pairs = |all: Vec<String>| {
        let mut all: Vec<_> = all.chunks(2).map(|pair| pair.join("=")).collect();
        all.sort();
        all
    };
    let content = match kind.as_str() {
        "string" => text(&ask(&["GET"], &[])?.bytes()),
        "list" => format!("{:?}", texts(&ask(&["LRANGE"], &["0", "-1"])?)),
        "set" => {
            let mut all = texts(&ask(&["SMEMBERS"], &[])?);
            all.sort();
            format!("{all:?}")
        }
        "hash" => format!("{:?}", pairs(texts(&ask(&["HGETALL"], &[])?))),
        "zset" => {
            let all = texts(&ask(&["ZRANGE"], &["0", "-1", "WITHSCORES"])?);
            let score = |text: &String| text.parse::<f64>().map(|it| format!("{it:?}"));
            let all: Result<Vec<_>, _> = all
                .chunks(2)
                .map(|pair| Ok::<_, std::num::ParseFloatError>((pair[0].clone(), score(&pair[1])?)))
                .collect();
            format!("{:?}", all?)
        }
        "stream" => {
            let entries = ask(&["XRANGE"], &["-", "+"])?;
            let info = ask(&["XINFO", "STREAM"], &[])?;
            let of = |reply: &Reply, names: &[&str]| -> Vec<String> {
                names
                    .iter()
                    .map(|name| format!("{name} {}", text(&reply.named(name).bytes())))
                    .collect()
            };
            let mut said = String::new();
            for entry in entries.list() {
                let [id, values] = entry.list() else { continue };
                write!(said, "{} {:?} ", text(&id.bytes()), texts(values))?;
            }
            let facts = [
                "last-generated-id",
                "max-deleted-entry-id",
                "entries-added",
                "recorded-first-entry-id",
            ];
            write!(said, " {:?}", of(&info, &facts))?;
            for group in ask(&["XINFO", "GROUPS"], &[])?.list() {
                let facts = ["name", "pending", "last-delivered-id"];
                write!(said, " {:?}", of(group, &facts))?;
                let name = String::from_utf8_lossy(&group.named("name").bytes()).into_owned();
                let mut all = Vec::new();
                for consumer in ask(&["XINFO", "CONSUMERS"], &[&name])?.list() {
                    // The server does not log the name of one that has read nothing yet.
                    if consumer.named("pending") != Reply::Number(0) {
                        all.push(of(consumer, &["name", "pending"]).join(" "));
                    }
                }
                for entry in ask(&["XPENDING"], &[&name, "-", "+", "100000"])?.list() {
                    let [id, consumer, _, count] = entry.list() else { continue };
                    all.push(
                        texts(&Reply::List(vec![id.clone(), consumer.clone(), count.clone()]))
                            .join(" "),
                    );
                }
                all.sort();
                write!(said, " {all:?}")?;
            }
            said
        }
        _ => String::new(),
    };
    Ok(format!("{kind} until {ends}: {content}"))
}

/// The first differences; keys that only the new version's commands touch are left out.
pub fn difference(upgraded: &Dump, restored: &Dump) -> Option<String> {
    let all: std::collections::BTreeSet<&String> = upgraded.keys().chain(restored.keys()).collect();
    let mut lines = Vec::new();
    for name in all {
        let (was, is) = (upgraded.get(name), restored.get(name));
        if was == is || name.contains(" new:") {
            continue;
        }
        let both = [was, is].map(|text| text.map_or("", String::as_str).as_bytes());
        let same = both[0].iter().zip(both[1]).take_while(|(a, b)| a == b).count();
        let cut = |text: Option<&String>| -> String {
            let from = same.saturating_sub(LONGEST / 3);
            text.map_or("nothing".into(), |text| text.chars().skip(from).take(LONGEST).collect())
        };
        lines.push(format!(
            "{name}\n  on the new version: {}\n  came back as: {}",
            cut(was),
            cut(is)
        ));
    }
    shown(lines, SHOWN)
}
