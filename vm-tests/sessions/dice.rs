//! What the generators of statements decide by.

use std::ops::{Deref, DerefMut};

/// The random numbers of a session, and which of its statements are left out.
pub struct Dice {
    random: fastrand::Rng,
    without: Vec<u64>,
    made: u64,
    /// The session uses words that only the new version has.
    news: bool,
    on_new: bool,
}

impl Dice {
    /// One session in four uses words of the new version.
    pub fn new(seed: u64, without: &[u64]) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let news = random.u8(..4) == 0;
        Self { random, without: without.to_vec(), made: 0, news, on_new: false }
    }

    /// How many statements were made.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Whether words of the new version are among them.
    pub fn has_news(&self) -> bool {
        self.news
    }

    /// The new version serves from here on.
    pub fn upgraded(&mut self) {
        self.on_new = true;
    }

    /// Whether the next statement is of the new version alone.
    pub fn is_new(&mut self) -> bool {
        self.news && self.on_new && self.chance(15)
    }

    /// Counts a statement. Whether it is sent.
    pub fn is_sent(&mut self) -> bool {
        self.made += 1;
        !self.without.contains(&(self.made - 1))
    }

    /// One of `of` times.
    pub fn chance(&mut self, of: u32) -> bool {
        self.random.u32(..of) == 0
    }
}

impl Deref for Dice {
    type Target = fastrand::Rng;

    fn deref(&self) -> &fastrand::Rng {
        &self.random
    }
}

impl DerefMut for Dice {
    fn deref_mut(&mut self) -> &mut fastrand::Rng {
        &mut self.random
    }
}
