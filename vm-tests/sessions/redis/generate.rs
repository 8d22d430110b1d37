//! Makes the commands of a session from its seed.

use super::client::Words;
use crate::dice::Dice;

/// The longest time to live that is meant to pass within a session, in milliseconds.
pub const LONGEST: u64 = 1500;

/// What one client sends, and how long everybody waits then, in milliseconds.
pub struct Batch {
    pub commands: Vec<Words>,
    pub pause: u64,
}

/// Commands, one after the other.
pub struct Generator {
    pub random: Dice,
}

const LIBRARY: &str = "#!lua name=lib@\n\
    redis.register_function('set@', function(keys, args)\n\
    redis.call('SET', keys[1], args[1])\n\
    return redis.call('INCR', keys[1] .. ':count') end)";

impl Generator {
    pub fn new(seed: u64, without: &[u64]) -> Self {
        Self { random: Dice::new(seed, without) }
    }

    /// What clients do on the old version.
    pub fn before(&mut self) -> Vec<Batch> {
        self.batches(80)
    }

    /// What they do on the new one.
    pub fn after(&mut self) -> Vec<Batch> {
        self.random.upgraded();
        let mut all = self.batches(160);
        // What issue 26 saw.
        let rows = [
            "HSET session:1 user bob",
            "PEXPIRE session:1 400",
            "HSET session:1 seen 1",
            "EXPIRE session:1 86400",
            "SET kept v PX 400",
            "PERSIST kept",
        ];
        all.push(Batch { commands: rows.iter().map(|row| words(row)).collect(), pause: 0 });
        all
    }

    fn batches(&mut self, most: usize) -> Vec<Batch> {
        let count = self.random.usize(2..6);
        (0..count).map(|_| self.batch(most)).collect()
    }

    fn batch(&mut self, most: usize) -> Batch {
        let mut commands = Vec::new();
        let count = self.random.usize(5..most);
        while commands.len() < count {
            let transaction = self.random.chance(12);
            let news = self.random.is_new();
            let mut some = Vec::new();
            if transaction {
                some.push(words("MULTI"));
            }
            for _ in 0..if transaction { self.random.usize(1..6) } else { 1 } {
                // A transaction with one of them is left out whole.
                some.push(if news { self.new_command() } else { self.command() });
            }
            if transaction {
                some.push(words(if self.random.chance(8) { "DISCARD" } else { "EXEC" }));
            }
            if self.random.is_sent() {
                commands.extend(some);
            }
        }
        Batch { commands, pause: if self.random.chance(2) { self.random.u64(0..700) } else { 0 } }
    }

    fn key(&mut self) -> String {
        // Few keys, so that commands meet on them.
        let number = self.random.u32(..14);
        match self.random.u8(..12) {
            0 => "key with spaces and a \t tab".to_owned(),
            1 => format!("käse:{number}"),
            _ => format!("k{number}"),
        }
    }

    fn typed(&mut self, kind: &str) -> String {
        // Now and then one of another type, which is refused.
        if self.random.chance(25) { self.key() } else { format!("{kind}{}", self.random.u32(..5)) }
    }

    fn member(&mut self) -> String {
        format!("m{}", self.random.u32(..20))
    }

    fn number(&mut self) -> String {
        match self.random.u8(..6) {
            0 => format!("{}", self.random.f64() * 1e6 - 5e5),
            1 => "0".to_owned(),
            2 => "-1".to_owned(),
            3 => format!("{:e}", self.random.f64() * 1e-3),
            _ => self.random.i32(-1000..1000).to_string(),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        let length = match self.random.u16(..600) {
            0 => 20 << 20,
            1..=4 => 1 << 20,
            5..=60 => self.random.usize(100..70_000),
            _ => self.random.usize(0..60),
        };
        if self.random.chance(3) {
            let mut bytes = vec![0; length];
            self.random.fill(&mut bytes);
            return bytes;
        }
        let word = *self
            .random
            .choice(&["text ", "\r\n", "*3\r\n$3\r\nSET\r\n", "#TS:1\r\n", "17"])
            .unwrap();
        word.bytes().cycle().take(length).collect()
    }

    /// A time to live: one that passes, one that has passed, one that does not.
    fn ends(&mut self) -> i64 {
        match self.random.u8(..8) {
            0 => -5000,
            1..=3 => self.random.i64(100..i64::try_from(LONGEST).unwrap() - 100),
            _ => self.random.i64(3_600_000..90_000_000),
        }
    }

    fn at(&mut self) -> String {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
        (i64::try_from(now).unwrap() + self.ends()).to_string()
    }

    fn id(&mut self) -> String {
        match self.random.u8(..5) {
            0 => "*".to_owned(),
            1 => format!("{}-*", self.random.u32(1..3000)),
            _ => format!("{}-{}", self.random.u32(1..3000), self.random.u32(..3)),
        }
    }

    fn command(&mut self) -> Words {
        match self.random.u8(..13) {
            0 | 1 => self.strings(),
            2 | 3 => self.times(),
            4 => self.lists(),
            5 => self.hashes(),
            6 => self.sets(),
            7 => self.sorted_sets(),
            8 | 9 => self.streams(),
            10 => self.scripts(),
            11 => self.bits(),
            _ => self.keys(),
        }
    }

    fn strings(&mut self) -> Words {
        let key = if self.random.chance(3) { self.typed("s") } else { self.key() };
        let value = self.value();
        let ends = self.ends().max(1).to_string();
        match self.random.u8(..16) {
            0 => with(&["SET", &key], &[&value]),
            1 => with(&["SET", &key], &[&value, b"PX", ends.as_bytes()]),
            2 => with(&["SET", &key], &[&value, b"PXAT", self.at().as_bytes()]),
            3 => with(&["SET", &key], &[&value, b"KEEPTTL"]),
            4 => with(&["SET", &key], &[&value, b"NX", b"GET"]),
            5 => with(&["SET", &key], &[&value, b"XX"]),
            6 => with(&["APPEND", &key], &[&value]),
            7 => with(&["SETRANGE", &key, &self.random.u16(..200).to_string()], &[&value]),
            8 => words(&format!("INCRBY n{} {}", self.random.u8(..4), self.random.i16(..))),
            9 => words(&format!("INCRBYFLOAT n{} 0.{}", self.random.u8(..4), self.random.u16(..))),
            10 => with(&["GETSET", &key], &[&value]),
            11 => with(&["GETDEL", &key], &[]),
            12 => with(&["GETEX", &key, "PX", &ends], &[]),
            13 => with(&["PSETEX", &key, &ends], &[&value]),
            14 => with(&["MSETNX", &key], &[&value, self.key().as_bytes(), b"x"]),
            _ => with(&["MSET", &key], &[&value, self.key().as_bytes(), b"x"]),
        }
    }

    fn any_key(&mut self) -> String {
        let kind = *self.random.choice(&["s", "l", "h", "t", "z", "x", "n"]).unwrap();
        if self.random.chance(2) { self.key() } else { self.typed(kind) }
    }

    fn times(&mut self) -> Words {
        let key = self.any_key();
        let (ends, at) = (self.ends(), self.at());
        match self.random.u8(..8) {
            0..=2 => with(&["PEXPIRE", &key, &ends.to_string()], &[]),
            3 => with(&["PEXPIREAT", &key, &at], &[]),
            4 => with(&["EXPIRE", &key, &(ends.max(1000) / 1000).to_string(), "GT"], &[]),
            5 => with(&["PEXPIRE", &key, &ends.to_string(), "NX"], &[]),
            6 => with(&["GETEX", &key, "PERSIST"], &[]),
            _ => with(&["PERSIST", &key], &[]),
        }
    }

    fn lists(&mut self) -> Words {
        let (key, other) = (self.typed("l"), self.typed("l"));
        let value = self.value();
        match self.random.u8(..13) {
            0..=2 => with(&["RPUSH", &key], &[&value, self.member().as_bytes()]),
            3 => with(&["LPUSH", &key], &[&value]),
            4 => with(&["LPUSHX", &key], &[&value]),
            5 => with(&["LPOP", &key, "2"], &[]),
            6 => with(&["LREM", &key, "1", &self.member()], &[]),
            7 => with(&["LINSERT", &key, "BEFORE", &self.member()], &[&value]),
            8 => with(&["LMOVE", &key, &other, "LEFT", "RIGHT"], &[]),
            9 => with(&["LTRIM", &key, "0", "20"], &[]),
            10 => with(&["LMPOP", "2", &key, &other, "LEFT", "COUNT", "2"], &[]),
            11 => with(&["BLPOP", &key, "0.01"], &[]),
            _ => with(&["LSET", &key, "0"], &[&value]),
        }
    }

    fn hashes(&mut self) -> Words {
        let key = self.typed("h");
        let (field, value) = (self.member(), self.value());
        match self.random.u8(..7) {
            0..=2 => with(&["HSET", &key, &field], &[&value, self.member().as_bytes(), b"1"]),
            3 => with(&["HDEL", &key, &field, &self.member()], &[]),
            4 => with(&["HINCRBY", &key, &format!("n{field}"), "7"], &[]),
            5 => with(&["HINCRBYFLOAT", &key, &format!("f{field}"), "1.1"], &[]),
            _ => with(&["HSETNX", &key, &field], &[&value]),
        }
    }

    fn sets(&mut self) -> Words {
        let (key, other, to) = (self.typed("t"), self.typed("t"), self.typed("t"));
        match self.random.u8(..9) {
            0..=2 => with(
                &["SADD", &key, &self.member(), &self.member(), &self.random.u32(..99).to_string()],
                &[],
            ),
            3 => with(&["SREM", &key, &self.member()], &[]),
            4 => with(&["SPOP", &key, "2"], &[]),
            5 => with(&["SMOVE", &key, &other, &self.member()], &[]),
            6 => with(&["SUNIONSTORE", &to, &key, &other], &[]),
            7 => with(&["SDIFFSTORE", &to, &key, &other], &[]),
            _ => with(&["SORT", &key, "ALPHA", "STORE", &self.typed("l")], &[]),
        }
    }

    fn sorted_sets(&mut self) -> Words {
        let (key, other, to) = (self.typed("z"), self.typed("z"), self.typed("z"));
        let (score, member) = (self.number(), self.member());
        match self.random.u8(..13) {
            0..=2 => with(&["ZADD", &key, &score, &member, "1.5", &self.member()], &[]),
            3 => with(&["ZADD", &key, "GT", "CH", &score, &member], &[]),
            4 => with(&["ZADD", &key, "inf", &member], &[]),
            5 => with(&["ZINCRBY", &key, "0.1", &member], &[]),
            6 => with(&["ZPOPMIN", &key, "2"], &[]),
            7 => with(&["ZREMRANGEBYRANK", &key, "0", "1"], &[]),
            8 => with(&["ZUNIONSTORE", &to, "2", &key, &other, "WEIGHTS", "2", "3"], &[]),
            9 => with(&["ZRANGESTORE", &to, &key, "0", "5"], &[]),
            10 => with(&["GEOADD", &key, "13.361389", "38.115556", &member], &[]),
            11 => with(
                &["GEOSEARCHSTORE", &to, &key, "FROMLONLAT", "13", "38", "BYRADIUS", "900", "km"],
                &[],
            ),
            _ => with(&["ZREM", &key, &member], &[]),
        }
    }

    fn streams(&mut self) -> Words {
        let key = self.typed("x");
        let (id, value) = (self.id(), self.value());
        let (group, consumer) =
            (format!("g{}", self.random.u8(..2)), format!("c{}", self.random.u8(..3)));
        match self.random.u8(..22) {
            0..=4 => with(&["XADD", &key, &id, "f"], &[&value]),
            5 => with(&["XADD", &key, "MAXLEN", "~", "30", &id, "f"], &[&value]),
            6 => with(&["XADD", &key, "NOMKSTREAM", &id, "f"], &[&value]),
            7 => with(&["XTRIM", &key, "MAXLEN", "5"], &[]),
            8 => with(&["XDEL", &key, &id], &[]),
            9 | 10 => with(&["XGROUP", "CREATE", &key, &group, "0", "MKSTREAM"], &[]),
            11..=13 => with(
                &["XREADGROUP", "GROUP", &group, &consumer, "COUNT", "3", "STREAMS", &key, ">"],
                &[],
            ),
            14 => with(
                &[
                    "XREADGROUP",
                    "GROUP",
                    &group,
                    &consumer,
                    "COUNT",
                    "2",
                    "NOACK",
                    "STREAMS",
                    &key,
                    ">",
                ],
                &[],
            ),
            15 => with(&["XACK", &key, &group, &id], &[]),
            16 => with(&["XAUTOCLAIM", &key, &group, &consumer, "0", "0", "COUNT", "2"], &[]),
            17 => with(&["XGROUP", "CREATECONSUMER", &key, &group, &consumer], &[]),
            18 => with(&["XGROUP", "DELCONSUMER", &key, &group, &consumer], &[]),
            19 => with(&["XGROUP", "SETID", &key, &group, "0"], &[]),
            20 => with(&["XCLAIM", &key, &group, &consumer, "0", &id], &[]),
            _ => with(&["XSETID", &key, "9999-1"], &[]),
        }
    }

    fn scripts(&mut self) -> Words {
        let key = self.key();
        let number = self.random.u8(..3).to_string();
        let library = LIBRARY.replace('@', &number);
        match self.random.u8(..8) {
            0 | 1 => {
                let text =
                    "redis.call('SET', KEYS[1], ARGV[1]) redis.call('HINCRBY', 'h0', 'script', 1)";
                with(&["EVAL", text, "1", &key], &[&self.value()])
            }
            2 => {
                // What it did before it fails stays.
                let text = "redis.call('RPUSH', 'l0', ARGV[1]) return redis.call('INCR', 'h0')";
                with(&["EVAL", text, "1", &key, "x"], &[])
            }
            3 => {
                let text = "return redis.call('PEXPIRE', KEYS[1], ARGV[1])";
                with(&["EVAL", text, "1", &key, &self.ends().to_string()], &[])
            }
            4 => with(&["FUNCTION", "LOAD", "REPLACE", &library], &[]),
            5 | 6 => with(&["FCALL", &format!("set{number}"), "1", &key], &[&self.value()]),
            _ if self.random.chance(3) => with(&["FUNCTION", "FLUSH"], &[]),
            _ => with(&["FUNCTION", "DELETE", &format!("lib{number}")], &[]),
        }
    }

    fn bits(&mut self) -> Words {
        let (key, other) = (self.typed("s"), self.typed("s"));
        match self.random.u8(..6) {
            0 => with(&["SETBIT", &key, &self.random.u16(..2000).to_string(), "1"], &[]),
            1 => with(&["BITFIELD", &key, "SET", "u8", "#3", "77", "INCRBY", "i5", "9", "1"], &[]),
            2 => with(&["BITOP", "XOR", &self.typed("s"), &key, &other], &[]),
            3 | 4 => with(&["PFADD", &format!("p{}", self.random.u8(..3))], &[&self.value(), b"x"]),
            _ => words("PFMERGE p0 p1 p2"),
        }
    }

    fn keys(&mut self) -> Words {
        let (key, other) = (self.any_key(), self.any_key());
        match self.random.u8(..40) {
            0..=5 => with(&["DEL", &key], &[]),
            6..=9 => with(&["UNLINK", &key, &other], &[]),
            10..=14 => with(&["RENAME", &key, &other], &[]),
            15 | 16 => with(&["RENAMENX", &key, &other], &[]),
            17..=20 => with(&["COPY", &key, &other, "REPLACE"], &[]),
            21..=23 => with(&["COPY", &key, &other, "DB", &self.random.u8(..4).to_string()], &[]),
            24..=26 => with(&["MOVE", &key, &self.random.u8(..4).to_string()], &[]),
            27..=32 => words(&format!("SELECT {}", self.random.u8(..4))),
            33 => words("SWAPDB 1 2"),
            34 if self.random.chance(3) => words("FLUSHDB"),
            35 if self.random.chance(6) => words("FLUSHALL ASYNC"),
            36 => {
                // A dump that the old version made: an integer, RDB version 10.
                let dump = b"\x00\xc0*\n\x00\x81\xfb\\\xfa\x86cOP";
                with(&["RESTORE", &key, "0"], &[dump, b"REPLACE"])
            }
            _ => with(&["TOUCH", &key], &[]),
        }
    }

    /// What the old version has no command for, on keys that nothing else touches.
    fn new_command(&mut self) -> Words {
        let key = format!("new:{}", self.random.u8(..3));
        match self.random.u8(..6) {
            0 | 1 => with(&["HSETEX", &key, "EX", "9999", "FIELDS", "1", "f", "v"], &[]),
            2 => with(&["HSET", &key, "f", "v", "g", "w"], &[]),
            3 => with(&["HPEXPIRE", &key, "5000000", "FIELDS", "1", "f"], &[]),
            4 => with(&["HGETEX", &key, "PERSIST", "FIELDS", "1", "f"], &[]),
            _ => with(&["VADD", &format!("{key}:v"), "VALUES", "2", "1", "2", "e"], &[]),
        }
    }
}

fn words(line: &str) -> Words {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

fn with(before: &[&str], after: &[&[u8]]) -> Words {
    let before = before.iter().map(|word| word.as_bytes());
    before.chain(after.iter().copied()).map(<[u8]>::to_vec).collect()
}
