//! The feed as it runs.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::super::client::{Client, command, said};
use super::super::commands::Commands;
use super::growth::{Growth, Part};
use super::keys::Keys;
use super::link::Link;
use super::options::Options;
use super::place::Place;
use super::refused;
use crate::product::stream::HelperError;

/// How many parts may be under way.
const UNDER_WAY: usize = 16;
/// How long it may take until a part is carried out.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// A server that hears nothing for a minute takes the link for dead.
const PING: Duration = Duration::from_secs(10);
/// How often the fed server is asked what it refused, and the source whether it was rewritten.
const LOOK: Duration = Duration::from_secs(1);
/// How long to wait for more, at least and at most.
const WAIT: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

/// Feeds until it is ended, or can never go on: then it says why in its state, and returns.
pub(super) fn run(options: &Options) -> Result<(), HelperError> {
    let state = options.state();
    let _alone = state.begin()?;
    let mut commands = options.commands()?;
    let mut feed = Feed::begin(options)?;
    let why = loop {
        if let Some(why) = feed.step(options, &mut commands)? {
            break why;
        }
    };
    feed.through(options)?;
    state.end(&why)
}

/// Feeds what there is, and returns. The source's server does not run any more.
pub(super) fn rest(options: &Options) -> Result<(), HelperError> {
    let state = options.state();
    let _alone = state.begin()?;
    let mut commands = options.commands()?;
    let mut feed = Feed::begin(options)?;
    while !feed.all {
        if let Some(why) = feed.step(options, &mut commands)? {
            return Err(HelperError::Failed(why));
        }
    }
    feed.keys.keep()
}

struct Feed {
    client: Client,
    link: Link,
    growth: Growth,
    keys: Keys,
    /// Parts that were sent: how much will be carried out then, and where they lead.
    under_way: VecDeque<(u64, Place)>,
    /// What the fed server has.
    place: Place,
    pinged: Instant,
    looked: Instant,
    wait: Duration,
    /// Whether it was said that there is nothing more.
    all: bool,
}

impl Feed {
    fn begin(options: &Options) -> Result<Self, HelperError> {
        let mut client = options.fed()?;
        let mut link = Link::establish(&mut client)?;
        // From now on its file grows by what comes over this link alone.
        written(&mut client)?;
        let place = options.marked()?;
        if let Some(database) = place.database {
            link.send(&command(&[b"SELECT", database.to_string().as_bytes()]))?;
        }
        options.state().reached(&place, false)?;
        let growth = Growth::open(&options.source, place.clone())?;
        let begin = options.began()?;
        let keys = Keys::open(&options.state, &options.source, &begin, &place)?;
        Ok(Self {
            keys,
            client,
            link,
            growth,
            under_way: VecDeque::new(),
            place,
            pinged: Instant::now(),
            looked: Instant::now(),
            wait: WAIT.0,
            all: false,
        })
    }

    /// One part, or a short wait. Returns why the feed can never go on, if that is so.
    fn step(
        &mut self,
        options: &Options,
        commands: &mut Commands,
    ) -> Result<Option<String>, HelperError> {
        let keys = &mut self.keys;
        let part = self.growth.next(|entry, database| {
            keys.add(entry, database);
            commands.refuses(entry)
        })?;
        self.keys.reached(&part.place)?;
        if part.items > 0 {
            self.send(&part)?;
            self.wait = WAIT.0;
            self.all = false;
        }
        let within = match (part.items, self.under_way.len()) {
            (_, UNDER_WAY..) => PATIENCE,
            (0, _) => self.wait,
            _ => Duration::ZERO,
        };
        if !self.take(options, within)? && within == PATIENCE {
            return Err(HelperError::Failed("the fed server does not go on".into()));
        }
        if part.items == 0 {
            self.wait = (self.wait * 2).min(WAIT.1);
            if self.under_way.is_empty() && !self.all {
                options.state().reached(&self.place, true)?;
                self.all = true;
            }
        }
        if let Some(why) = part.refused {
            return Ok(Some(format!("the previous version rejects what was written {why}")));
        }
        self.look(options)
    }

    fn send(&mut self, part: &Part) -> Result<(), HelperError> {
        self.link.send(&command(&[b"MULTI"]))?;
        let growth = &self.growth;
        self.link.send_with(|output| growth.send(part, output))?;
        let end = self.link.send(&part.place.mark())?;
        self.under_way.push_back((end, part.place.clone()));
        self.link.ask()
    }

    /// Notes what was carried out. Returns whether the server said something.
    fn take(&mut self, options: &Options, within: Duration) -> Result<bool, HelperError> {
        let Some(mut offset) = self.link.carried_out(within)? else { return Ok(false) };
        while let Some(more) = self.link.carried_out(Duration::ZERO)? {
            offset = more;
        }
        let before = self.place.offset;
        while self.under_way.front().is_some_and(|(end, _)| *end <= offset) {
            self.place = self.under_way.pop_front().map_or(self.place.clone(), |(_, place)| place);
        }
        if self.place.offset != before {
            options.state().reached(&self.place, false)?;
        }
        Ok(true)
    }

    /// What is not to be seen from what is fed.
    fn look(&mut self, options: &Options) -> Result<Option<String>, HelperError> {
        if self.pinged.elapsed() > PING {
            self.pinged = Instant::now();
            self.link.send(&command(&[b"PING"]))?;
        }
        if self.looked.elapsed() < LOOK {
            return Ok(None);
        }
        self.looked = Instant::now();
        self.keys.keep()?;
        if self.all {
            options.state().reached(&self.place, true)?;
        }
        match refused(&mut self.client)? {
            None => options.broken(self.growth.place()),
            why => Ok(why),
        }
    }

    /// Waits for what is under way.
    fn through(&mut self, options: &Options) -> Result<(), HelperError> {
        while !self.under_way.is_empty() && self.take(options, PATIENCE)? {}
        Ok(())
    }
}

/// Waits until the server's append-only file has everything that the server has carried out.
pub(super) fn written(client: &mut Client) -> Result<(), HelperError> {
    let begin = Instant::now();
    loop {
        let info = client.done(&[b"INFO", b"persistence"])?.text();
        if said(&info, "aof_enabled") != Some("1") {
            return Err(HelperError::Failed("the server writes no append-only file".into()));
        }
        if said(&info, "aof_last_write_status") != Some("ok") {
            return Err(HelperError::Failed("the server cannot write its append-only file".into()));
        }
        if said(&info, "aof_buffer_length") == Some("0") {
            return Ok(());
        }
        if begin.elapsed() > PATIENCE {
            return Err(HelperError::Failed(
                "the server does not write its append-only file out".into(),
            ));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
