//! Lists what a server holds: keys with their type, a checksum of their values and their time to
//! live, consumer groups, fields that expire, functions. Memory for one large value at most.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Write;
use std::path::Path;

use super::client::{Client, Reply, said};
use super::plain::plain;
use super::sums::{Ordered, Sum, Unordered};
use crate::product::stream::{HelperError, Streams};

const USAGE: &str = "redis-keys SOCKET [USER] [--only FILE]";

/// So many bytes are asked for at once, as far as the server can estimate them.
const AT_ONCE: u64 = 4 << 20;
/// So many keys.
pub(super) const KEYS: usize = 500;
/// So many elements of a large collection.
const ELEMENTS: usize = 10_000;

/// Prints the list of the server on this socket.
///
/// # Errors
/// When the server does not answer.
pub(in crate::product) fn keys(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let (arguments, only) = match arguments {
        [arguments @ .., option, file] if option == "--only" => (arguments, Some(file)),
        all => (all, None),
    };
    let (socket, user) = match arguments {
        [socket] => (socket, None),
        [socket, user] => (socket, Some(user.as_str())),
        _ => return Err(HelperError::usage(USAGE)),
    };
    let client = Client::connect(Path::new(socket), user)?;
    let mut list = List { client, output: streams.output, db: 0, fields: false };
    list.functions()?;
    if let Some(file) = only {
        list.only(Path::new(file))?;
        return list.output.flush().map_err(HelperError::Output);
    }
    loop {
        match list.client.ask(&[b"SELECT", list.db.to_string().as_bytes()])? {
            Reply::Error(_) => break,
            _ => list.database()?,
        }
        list.db += 1;
    }
    list.output.flush().map_err(HelperError::Output)
}

/// What is listed, of the database that is chosen.
pub(super) struct List<'a> {
    pub(super) client: Client,
    pub(super) output: &'a mut dyn Write,
    pub(super) db: u32,
    /// Whether a hash of this database has a field that expires.
    pub(super) fields: bool,
}

/// A key, as a page of the list has it.
pub(super) struct Key {
    name: Vec<u8>,
    kind: String,
    /// In milliseconds since 1970.
    ends: Option<i64>,
    /// Its estimated size in bytes.
    size: u64,
}

impl Key {
    /// What stands behind the key in each of its lines.
    fn end(&self) -> String {
        self.ends.map_or_else(String::new, |at| format!("\tends {at}"))
    }
}

/// The command that reads a key whole.
fn whole<'k>(kind: &str, key: &'k [u8]) -> Vec<&'k [u8]> {
    match kind {
        "string" => vec![b"GET", key],
        "list" => vec![b"LRANGE", key, b"0", b"-1"],
        "set" => vec![b"SMEMBERS", key],
        "hash" => vec![b"HGETALL", key],
        "zset" => vec![b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"],
        _ => vec![b"XRANGE", key, b"-", b"+"],
    }
}

impl List<'_> {
    fn line(&mut self, key: &Key, what: &str) -> Result<(), HelperError> {
        let (db, name, end) = (self.db, plain(&key.name), key.end());
        writeln!(self.output, "{db}\t{name}\t{what}{end}").map_err(HelperError::Output)
    }

    fn functions(&mut self) -> Result<(), HelperError> {
        // Before 7.0 there are none.
        let Reply::List(libraries) = self.client.ask(&[b"FUNCTION", b"LIST", b"WITHCODE"])? else {
            return Ok(());
        };
        for library in libraries {
            let part = |name| library.named(name).map(Reply::bytes).unwrap_or_default();
            let mut code = Ordered::default();
            code.add(&part("library_code"));
            let (name, engine) = (plain(&part("library_name")), plain(&part("engine")));
            writeln!(self.output, "functions\t{name}\t{engine}\t{}", code.hex())
                .map_err(HelperError::Output)?;
        }
        Ok(())
    }

    /// Whether a hash of this database has a field that expires.
    pub(super) fn has_fields_that_expire(&mut self) -> Result<bool, HelperError> {
        let info = self.client.done(&[b"INFO", b"keyspace"])?.text();
        let counts = said(&info, &format!("db{}", self.db)).unwrap_or_default();
        let expiring = counts.split(',').find_map(|it| it.strip_prefix("subexpiry="));
        Ok(expiring.is_some_and(|count| count != "0"))
    }

    /// Everything in one database.
    fn database(&mut self) -> Result<(), HelperError> {
        self.fields = self.has_fields_that_expire()?;
        // A table that is made smaller meanwhile shows a key twice.
        let (hasher, mut seen) = (RandomState::new(), HashSet::new());
        let mut cursor = b"0".to_vec();
        loop {
            let page = self.client.done(&[b"SCAN", &cursor, b"COUNT", b"500"])?;
            let [next, names] = page.list() else {
                return Err(HelperError::Failed("the server does not list its keys".into()));
            };
            let mut names: Vec<Vec<u8>> = names.list().iter().map(Reply::bytes).collect();
            names.retain(|name| seen.insert(hasher.hash_one(name)));
            let keys = self.looked_at(names)?;
            self.page(&keys)?;
            cursor = next.bytes();
            if cursor == b"0" {
                return Ok(());
            }
        }
    }

    /// The keys of a page with what decides how they are read. Those that have just expired are
    /// left out.
    pub(super) fn looked_at(&mut self, names: Vec<Vec<u8>>) -> Result<Vec<Key>, HelperError> {
        for name in &names {
            self.client.send(&[b"TYPE", name])?;
            self.client.send(&[b"PEXPIRETIME", name])?;
            self.client.send(&[b"MEMORY", b"USAGE", name])?;
        }
        let mut keys = Vec::with_capacity(names.len());
        for name in names {
            let kind = self.client.reply()?.text();
            let ends = match self.client.reply()? {
                Reply::Number(at) if at >= 0 => Some(at),
                Reply::Error(why) => {
                    return Err(HelperError::Failed(format!("the server refuses: {why}")));
                }
                _ => None,
            };
            let size = match self.client.reply()? {
                Reply::Number(size) => size.unsigned_abs(),
                _ => 0,
            };
            if kind != "none" {
                keys.push(Key { name, kind, ends, size });
            }
        }
        Ok(keys)
    }

    /// Reads and prints them: many small ones at once, a large one by itself.
    pub(super) fn page(&mut self, keys: &[Key]) -> Result<(), HelperError> {
        let mut rest = keys;
        while !rest.is_empty() {
            let mut room = AT_ONCE;
            let fits = |key: &&Key| {
                let fits = key.size <= room && !(self.fields && key.kind == "hash");
                room = room.saturating_sub(key.size);
                fits
            };
            let count = rest.iter().take(KEYS).take_while(fits).count();
            let (small, others) = rest.split_at(count);
            for key in small.iter().filter(|key| Sum::of(&key.kind).is_some()) {
                self.client.send(&whole(&key.kind, &key.name))?;
            }
            let mut sums = Vec::with_capacity(small.len());
            for key in small {
                sums.push(match Sum::of(&key.kind) {
                    Some(sum) => self.answer(sum)?,
                    None => Some("not compared".to_owned()),
                });
            }
            for (key, sum) in small.iter().zip(sums) {
                self.print(key, sum)?;
            }
            rest = others;
            if let ([large, others @ ..], true) = (others, count < KEYS) {
                let sum = self.large(large)?;
                self.print(large, sum)?;
                rest = others;
            }
        }
        Ok(())
    }

    /// The sum of the next reply; `None` where the key is gone.
    fn answer(&mut self, mut sum: Sum) -> Result<Option<String>, HelperError> {
        let mut there = false;
        self.client.parts(|part| match part {
            Reply::Error(why) => Err(HelperError::Failed(format!("the server refuses: {why}"))),
            Reply::None => Ok(()),
            part => {
                there = true;
                sum.add(part);
                Ok(())
            }
        })?;
        // An empty stream is there.
        Ok((there || matches!(sum, Sum::Entries(_))).then(|| sum.hex()))
    }

    fn print(&mut self, key: &Key, sum: Option<String>) -> Result<(), HelperError> {
        let Some(sum) = sum else { return Ok(()) };
        if key.kind == "stream" {
            return self.stream(key, &sum);
        }
        self.line(key, &format!("{}\t{sum}", key.kind))
    }

    /// A large value, part by part where the server can.
    fn large(&mut self, key: &Key) -> Result<Option<String>, HelperError> {
        let name = key.name.as_slice();
        let Some(mut sum) = Sum::of(&key.kind) else { return Ok(Some("not compared".to_owned())) };
        match key.kind.as_str() {
            "string" => {
                let Reply::Number(length) = self.client.done(&[b"STRLEN", name])? else {
                    return Ok(None);
                };
                let mut sum = Ordered::default();
                sum.begin(length.unsigned_abs());
                let mut at = 0;
                while at < length {
                    let end = at + (8 << 20) - 1;
                    let (from, to) = (at.to_string(), end.to_string());
                    let part =
                        self.client.done(&[b"GETRANGE", name, from.as_bytes(), to.as_bytes()])?;
                    sum.part(&part.bytes());
                    at = end + 1;
                }
                // One that expired meanwhile is in neither list.
                Ok(Some(sum.hex()))
            }
            "hash" if self.fields => self.hash(key),
            "list" | "zset" => {
                let (mut at, mut there) = (0_usize, false);
                loop {
                    let (from, to) = (at.to_string(), (at + ELEMENTS - 1).to_string());
                    let mut words: Vec<&[u8]> =
                        vec![b"LRANGE", name, from.as_bytes(), to.as_bytes()];
                    if key.kind == "zset" {
                        words[0] = b"ZRANGE";
                        words.push(b"WITHSCORES");
                    }
                    self.client.send(&words)?;
                    let mut parts = 0;
                    self.client.parts(|part| {
                        parts += 1;
                        sum.add(part);
                        Ok(())
                    })?;
                    there |= parts > 0;
                    at += ELEMENTS;
                    if parts < ELEMENTS {
                        return Ok(there.then(|| sum.hex()));
                    }
                }
            }
            "stream" => {
                let mut from = b"-".to_vec();
                loop {
                    self.client.send(&[b"XRANGE", name, &from, b"+", b"COUNT", b"1000"])?;
                    let (mut parts, mut last) = (0, Vec::new());
                    self.client.parts(|part| {
                        parts += 1;
                        last = part.list().first().map(Reply::bytes).unwrap_or_default();
                        sum.add(part);
                        Ok(())
                    })?;
                    if parts < 1000 {
                        return Ok(Some(sum.hex()));
                    }
                    from = [b"(".as_slice(), &last].concat();
                }
            }
            kind => {
                self.client.send(&whole(kind, name))?;
                self.answer(sum)
            }
        }
    }

    /// A hash in a database where fields expire. Each field that does is an item of its own, so
    /// that the others are compared when it has gone.
    fn hash(&mut self, key: &Key) -> Result<Option<String>, HelperError> {
        let all = self.client.done(&[b"HGETALL", &key.name])?;
        let mut sum = Unordered::default();
        for pairs in all.list().chunks(2 * 1000) {
            let fields: Vec<Vec<u8>> = pairs.chunks_exact(2).map(|pair| pair[0].bytes()).collect();
            let count = fields.len().to_string();
            let mut words: Vec<&[u8]> =
                vec![b"HPEXPIRETIME", &key.name, b"FIELDS", count.as_bytes()];
            words.extend(fields.iter().map(Vec::as_slice));
            let times = self.client.done(&words)?;
            let times = times.list().iter().chain(std::iter::repeat(&Reply::None));
            for (pair, at) in pairs.chunks_exact(2).zip(times) {
                let (field, value) = (pair[0].bytes(), pair[1].bytes());
                let Reply::Number(at @ 0..) = at else {
                    sum.add(&[&field, &value]);
                    continue;
                };
                let mut one = Unordered::default();
                one.add(&[&field, &value]);
                let at = Some(key.ends.map_or(*at, |ends| ends.min(*at)));
                let key = Key { name: key.name.clone(), kind: String::new(), ends: at, size: 0 };
                self.line(&key, &format!("field\t{}", one.hex()))?;
            }
        }
        Ok((!all.list().is_empty()).then(|| sum.hex()))
    }

    /// A stream with its counters, its groups, their consumers and what these have not confirmed.
    fn stream(&mut self, key: &Key, entries: &str) -> Result<(), HelperError> {
        let info = self.client.ask(&[b"XINFO", b"STREAM", &key.name])?;
        let value = |reply: &Reply, name| reply.named(name).map(Reply::text).unwrap_or_default();
        if matches!(info, Reply::Error(_)) {
            return Ok(());
        }
        self.line(
            key,
            &format!(
                "stream\t{entries}\t{} {} {}",
                value(&info, "last-generated-id"),
                value(&info, "max-deleted-entry-id"),
                value(&info, "entries-added"),
            ),
        )?;
        let groups = self.client.done(&[b"XINFO", b"GROUPS", &key.name])?;
        for group in groups.list() {
            let name = group.named("name").map(Reply::bytes).unwrap_or_default();
            let consumers = self.client.done(&[b"XINFO", b"CONSUMERS", &key.name, &name])?;
            let mut sum = Unordered::default();
            for consumer in consumers.list() {
                let consumer = consumer.named("name").map(Reply::bytes).unwrap_or_default();
                sum.add(&[b"consumer", &consumer]);
            }
            let mut from = b"-".to_vec();
            loop {
                let page =
                    self.client.done(&[b"XPENDING", &key.name, &name, &from, b"+", b"1000"])?;
                for entry in page.list() {
                    if let [id, consumer, _, deliveries] = entry.list() {
                        let (id, consumer, count) =
                            (id.bytes(), consumer.bytes(), deliveries.bytes());
                        sum.add(&[b"pending", &id, &consumer, &count]);
                        from = [b"(".as_slice(), &id].concat();
                    }
                }
                if page.list().len() < 1000 {
                    break;
                }
            }
            let what = format!(
                "group\t{}\t{} {}\t{}",
                plain(&name),
                value(group, "last-delivered-id"),
                value(group, "pending"),
                sum.hex()
            );
            self.line(key, &what)?;
        }
        Ok(())
    }
}
