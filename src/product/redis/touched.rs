//! Which keys the growth of an append-only file touched.

use std::io::{BufReader, Write};

use super::log::{Entry, Log, open};
use super::plain::plain;
use crate::product::stream::{HelperError, Streams};

/// How many arguments of one command are looked at. One with more touches too much to tell.
pub(super) const ARGUMENTS: usize = 100_000;

/// Where the keys of a command are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// It touches none, or what is always listed.
    None,
    /// At these places.
    At(usize, Option<usize>),
    /// From the first argument on, each of so many.
    Every(usize),
    /// It cannot be told.
    Unknown,
}

/// Where a command that is written to the file has the keys that it changes.
fn keys_of(entry: &Entry) -> Keys {
    const ONE: Keys = Keys::At(1, None);
    match entry.name().as_str() {
        "append" | "bitfield" | "decr" | "decrby" | "expire" | "expireat" | "geoadd" | "getdel"
        | "getex" | "getset" | "hdel" | "hexpire" | "hexpireat" | "hgetdel" | "hgetex"
        | "hincrby" | "hincrbyfloat" | "hmset" | "hpersist" | "hpexpire" | "hpexpireat"
        | "hset" | "hsetex" | "hsetnx" | "incr" | "incrby" | "incrbyfloat" | "linsert" | "lpop"
        | "lpush" | "lpushx" | "lrem" | "lset" | "ltrim" | "persist" | "pexpire" | "pexpireat"
        | "pfadd" | "psetex" | "restore" | "rpop" | "rpush" | "rpushx" | "sadd" | "set"
        | "setbit" | "setex" | "setnx" | "setrange" | "spop" | "srem" | "vadd" | "vrem"
        | "vsetattr" | "xack" | "xackdel" | "xadd" | "xautoclaim" | "xclaim" | "xdel"
        | "xdelex" | "xsetid" | "xtrim" | "zadd" | "zincrby" | "zpopmax" | "zpopmin" | "zrem"
        | "zremrangebylex" | "zremrangebyrank" | "zremrangebyscore" => ONE,
        // What they read is not changed.
        "geosearchstore" | "pfmerge" | "sdiffstore" | "sinterstore" | "sunionstore"
        | "zdiffstore" | "zinterstore" | "zrangestore" | "zunionstore" => ONE,
        "blmove" | "brpoplpush" | "lmove" | "rename" | "renamenx" | "rpoplpush" | "smove" => {
            Keys::At(1, Some(2))
        }
        // With more words, into another database.
        "copy" if entry.count == 3 => Keys::At(2, None),
        "bitop" | "xgroup" => Keys::At(2, None),
        "del" | "unlink" => Keys::Every(1),
        "mset" | "msetnx" => Keys::Every(2),
        "exec" | "function" | "multi" | "ping" | "publish" | "script" | "spublish" => Keys::None,
        _ => Keys::Unknown,
    }
}

/// Prints the keys that the commands in these files touched: `DATABASE<tab>KEY`, one a line, as the
/// list of keys has them. Where that cannot be told, `*` and why.
///
/// # Errors
/// When a file cannot be read.
pub(in crate::product) fn touched(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    if arguments.is_empty() {
        return Err(HelperError::usage("redis-touched FILE..."));
    }
    for path in arguments {
        let mut input = BufReader::with_capacity(1 << 18, open(path.as_ref())?);
        if !of_file(Log::new(&mut input).keeping(ARGUMENTS), streams.output)? {
            break;
        }
    }
    streams.output.flush().map_err(HelperError::Output)
}

/// The keys that a command changes; `Err` where that cannot be told.
pub(super) fn keys_in(entry: &Entry) -> Result<Vec<&[u8]>, ()> {
    let count = usize::try_from(entry.count).unwrap_or(usize::MAX);
    let places: Vec<usize> = match keys_of(entry) {
        Keys::None => Vec::new(),
        Keys::At(one, other) => std::iter::once(one).chain(other).collect(),
        Keys::Every(step) => (1..count).step_by(step).collect(),
        Keys::Unknown => return Err(()),
    };
    let key = |place: usize| {
        let key = entry.arguments.get(place)?;
        (key.begin.len() as u64 == key.length).then_some(key.begin.as_slice())
    };
    places.into_iter().map(|place| key(place).ok_or(())).collect()
}

/// The line of a key.
pub(super) fn line(database: &str, key: &[u8]) -> String {
    format!("{database}\t{}\n", plain(key))
}

/// The line that says that the keys of this command cannot be told.
pub(super) fn unknown(entry: &Entry) -> String {
    let name: String = entry.name().chars().take(40).collect();
    format!("*\t{} was written", name.to_ascii_uppercase().escape_debug())
}

/// Returns whether it could be told.
fn of_file(mut log: Log<'_>, output: &mut dyn Write) -> Result<bool, HelperError> {
    let (mut entry, mut database) = (Entry::default(), None::<String>);
    let mut last = String::new();
    while log.next(&mut entry)? {
        if entry.name() == "select" {
            database = Some(entry.word(1));
            continue;
        }
        match keys_in(&entry) {
            Ok(keys) if keys.is_empty() => {}
            Ok(keys) if database.is_some() => {
                let database = database.as_deref().unwrap_or_default();
                for key in keys {
                    let line = line(database, key);
                    if line != last {
                        output.write_all(line.as_bytes()).map_err(HelperError::Output)?;
                        last = line;
                    }
                }
            }
            _ => {
                writeln!(output, "{}", unknown(&entry)).map_err(HelperError::Output)?;
                return Ok(false);
            }
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::redis::client::command;
    use crate::product::tests::on;

    fn told(commands: &[&[&str]]) -> String {
        let words = |words: &&[&str]| {
            command(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>())
        };
        let text: Vec<u8> = commands.iter().flat_map(words).collect();
        let (mut input, mut output) = (text.as_slice(), Vec::new());
        of_file(Log::new(&mut input).keeping(ARGUMENTS), &mut output).expect("read");
        String::from_utf8(output).expect("text")
    }

    #[test]
    fn each_key_that_a_command_changes_is_told_with_its_database() {
        let said = told(&[
            &["SELECT", "0"],
            &["SET", "a", "1"],
            &["set", "a", "2"],
            &["MULTI"],
            &["SELECT", "3"],
            &["DEL", "a b", "c\n", "d", "e", "f", "g"],
            &["MSET", "h", "1", "i", "2"],
            &["EXEC"],
            &["RENAME", "x", "y"],
            &["XGROUP", "CREATE", "s", "g", "$"],
            &["ZUNIONSTORE", "sum", "2", "one", "two"],
            &["COPY", "one", "two"],
            &["FUNCTION", "LOAD", "x"],
        ]);
        assert_eq!(
            said,
            "0\ta\n3\ta b\n3\tc\\x0a\n3\td\n3\te\n3\tf\n3\tg\n3\th\n3\ti\n3\tx\n3\ty\n3\ts\n3\
             \tsum\n3\ttwo\n"
        );
    }

    /// 8.0.2 wrote it. It has commands that 7.0 does not have.
    #[test]
    fn what_a_real_server_appended_is_whole_and_its_keys_are_told() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/redis/tests/written.aof");
        on("redis-verify-log", &[file], b"").expect("whole");
        let said = on("redis-touched", &[file], b"").expect("read");
        assert_eq!(
            String::from_utf8_lossy(&said),
            "0\ta\n0\tnew\n0\th\n0\tinmulti\n0\th\n0\tz\n0\tl\n3\tother\n0\ta\n0\th\n0\tafter\n"
        );
    }

    #[test]
    fn s1_what_has_no_fixed_keys_is_not_told() {
        let long = "k".repeat(5000);
        for words in [
            &["FLUSHALL"][..],
            &["SWAPDB", "0", "1"],
            &["EVAL", "return 1", "0"],
            &["FCALL", "f", "1", "k"],
            &["MOVE", "a", "1"],
            &["COPY", "a", "b", "DB", "1"],
            &["NEW.COMMAND", "a"],
            &["SET", &long, "1"],
        ] {
            let said = told(&[&["SELECT", "0"], words, &["SET", "a", "1"]]);
            assert!(said.starts_with("*\t") && said.ends_with(" was written\n"), "{said}");
        }
        // Without the database.
        assert!(told(&[&["SET", "a", "1"]]).starts_with("*\t"));
    }
}
