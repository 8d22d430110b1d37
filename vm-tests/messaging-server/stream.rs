//! The backup stream: a header, a record a line, an end with a checksum, filled up to whole blocks.

use std::io::{BufRead, Write};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::store::{Expunged, Message};

const MAGIC: &str = "IMSBACKUP 1";

/// A record.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// The mailbox that the following records are of.
    Mailbox { name: String, uidvalidity: i64 },
    /// A message with its text.
    Message { message: Message, body: String },
    /// A message that is gone.
    Expunged(Expunged),
    /// Nothing comes after it.
    End { records: u64, sha256: String },
}

/// Writes a stream.
pub struct Writer<W: Write> {
    to: W,
    written: u64,
    records: u64,
    hash: Sha256,
    block: u64,
}

impl<W: Write> Writer<W> {
    /// `blocking` as in `-b`.
    pub fn new(to: W, blocking: u64) -> Result<Self> {
        let mut writer =
            Self { to, written: 0, records: 0, hash: Sha256::new(), block: 512 * blocking };
        writer.bytes(format!("{MAGIC}\n").as_bytes())?;
        Ok(writer)
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.written += bytes.len() as u64;
        self.to.write_all(bytes).context("cannot write the backup")
    }

    pub fn record(&mut self, record: &Record) -> Result<()> {
        let line = serde_json::to_string(record)? + "\n";
        if !matches!(record, Record::End { .. }) {
            self.hash.update(line.as_bytes());
            self.records += 1;
        }
        self.bytes(line.as_bytes())?;
        // A reader of a file that grows sees what is there so far.
        self.to.flush().context("cannot write the backup")
    }

    /// Writes the end.
    pub fn finish(mut self) -> Result<(W, u64)> {
        let sha256 = hex::encode(self.hash.clone().finalize());
        self.record(&Record::End { records: self.records, sha256 })?;
        let fill = (self.block - self.written % self.block) % self.block;
        self.bytes(&vec![b'\n'; usize::try_from(fill)?])?;
        self.to.flush().context("cannot write the backup")?;
        Ok((self.to, self.records))
    }
}

/// Reads a stream record by record.
pub struct Reader<R: BufRead> {
    from: R,
    records: u64,
    hash: Sha256,
}

impl<R: BufRead> Reader<R> {
    pub fn new(mut from: R) -> Result<Self> {
        let mut head = Vec::new();
        from.read_until(b'\n', &mut head).context("cannot read the backup")?;
        if head != format!("{MAGIC}\n").as_bytes() {
            bail!("this is no backup of this product, or it is damaged");
        }
        Ok(Self { from, records: 0, hash: Sha256::new() })
    }

    /// The next record; `None` when the end was reached and everything before it was whole.
    pub fn next(&mut self) -> Result<Option<Record>> {
        let mut line = Vec::new();
        let count = self.from.read_until(b'\n', &mut line).context("cannot read the backup")?;
        if count == 0 {
            bail!("the backup is truncated: unexpected end after {} records", self.records);
        }
        let record: Record = serde_json::from_slice(&line).with_context(|| {
            format!("the backup is damaged or truncated after {} records", self.records)
        })?;
        if let Record::End { records, sha256 } = &record {
            let found = hex::encode(self.hash.clone().finalize());
            if *records != self.records || *sha256 != found {
                bail!("the backup is damaged: its checksum does not fit");
            }
            return Ok(None);
        }
        self.records += 1;
        self.hash.update(&line);
        Ok(Some(record))
    }
}
