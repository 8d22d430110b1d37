//! Checksums of values, the same on all versions of the server.

use sha2::{Digest as _, Sha256};

use super::client::Reply;

/// The checksum of values in their order.
#[derive(Default)]
pub(super) struct Ordered(Sha256);

impl Ordered {
    /// A value of this length follows, in parts.
    pub(super) fn begin(&mut self, length: u64) {
        self.0.update(length.to_le_bytes());
    }

    /// The next part of the value.
    pub(super) fn part(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The next value.
    pub(super) fn add(&mut self, value: &[u8]) {
        self.begin(value.len() as u64);
        self.part(value);
    }

    pub(super) fn hex(self) -> String {
        hex::encode(self.0.finalize())
    }
}

/// The checksum of values that have no order: the sum of their checksums.
#[derive(Default)]
pub(super) struct Unordered([u64; 4]);

impl Unordered {
    pub(super) fn add(&mut self, values: &[&[u8]]) {
        let mut one = Ordered::default();
        values.iter().for_each(|value| one.add(value));
        let digest = one.0.finalize();
        for (sum, part) in self.0.iter_mut().zip(digest.chunks_exact(8)) {
            let part = part.try_into().map_or(0, u64::from_le_bytes);
            *sum = sum.wrapping_add(part);
        }
    }

    pub(super) fn hex(&self) -> String {
        self.0.iter().map(|part| hex::encode(part.to_le_bytes())).collect()
    }
}

/// A score in one form: versions print it with different digits.
fn score(text: &[u8]) -> [u8; 8] {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    let number = number.unwrap_or(f64::NAN);
    // 0 and -0 are the same score.
    if number == 0.0 { 0.0_f64 } else { number }.to_bits().to_le_bytes()
}

/// What is read of a collection, in pairs where it has pairs.
pub(super) enum Sum {
    InOrder(Ordered),
    AsSet(Unordered),
    Pairs(Unordered, Option<Vec<u8>>),
    Scores(Ordered, bool),
    Entries(Ordered),
}

impl Sum {
    /// For a type of the server's; `None` for one whose values cannot be read.
    pub(super) fn of(kind: &str) -> Option<Self> {
        Some(match kind {
            "string" | "list" => Self::InOrder(Ordered::default()),
            "set" => Self::AsSet(Unordered::default()),
            "hash" => Self::Pairs(Unordered::default(), None),
            "zset" => Self::Scores(Ordered::default(), false),
            "stream" => Self::Entries(Ordered::default()),
            _ => return None,
        })
    }

    pub(super) fn add(&mut self, value: Reply) {
        match self {
            Self::InOrder(sum) => sum.add(&value.bytes()),
            Self::AsSet(sum) => sum.add(&[&value.bytes()]),
            Self::Pairs(sum, first) => match first.take() {
                None => *first = Some(value.bytes()),
                Some(field) => sum.add(&[&field, &value.bytes()]),
            },
            Self::Scores(sum, is_score) => {
                if *is_score {
                    sum.add(&score(&value.bytes()));
                } else {
                    sum.add(&value.bytes());
                }
                *is_score = !*is_score;
            }
            Self::Entries(sum) => {
                if let [id, values] = value.list() {
                    sum.add(&id.bytes());
                    values.list().iter().for_each(|value| sum.add(&value.bytes()));
                }
            }
        }
    }

    pub(super) fn hex(self) -> String {
        match self {
            Self::InOrder(sum) | Self::Scores(sum, _) | Self::Entries(sum) => sum.hex(),
            Self::AsSet(sum) | Self::Pairs(sum, _) => sum.hex(),
        }
    }
}
