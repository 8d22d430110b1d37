//! A standby of the previous version, and of the upgraded one: which command runs for which.

use crate::playbook::model::CommandSpec;
use crate::playbook::model::standby::{Feed, Standby, SwitchOver};

/// A command of both ways.
#[derive(Debug, Clone, Copy)]
pub struct BothWays<'a> {
    /// Its place, such as `standby.feed.start`.
    pub place: &'static str,
    /// The one there.
    pub usual: Option<&'a CommandSpec>,
    /// The place of the one that takes its place on the way back.
    pub back_place: &'static str,
    /// That one.
    pub back: Option<&'a CommandSpec>,
}

impl Standby {
    /// How the upgraded version stands by, if it can.
    pub fn other_way(&self) -> Option<Self> {
        // No `..` in these patterns, so that the compiler asks about a new field.
        let Self {
            start,
            stop,
            ready,
            ready_within,
            address,
            durable,
            feed,
            switch,
            forget: _,
            back,
        } = self;
        let other = back.as_ref()?;
        let Feed { start: feed_start, stop: feed_stop, position, source, lag, watch } = feed;
        let SwitchOver { refuse, allow, drain, settle, end, rest, serve, serve_stop, reinstall } =
            switch;
        let (fed, over) = (&other.feed, &other.switch);
        let must = |other: &Option<CommandSpec>, usual: &CommandSpec| {
            other.clone().unwrap_or_else(|| usual.clone())
        };
        let may = |other: &Option<CommandSpec>, usual: &Option<CommandSpec>| {
            other.clone().or_else(|| usual.clone())
        };
        Some(Self {
            start: must(&other.start, start),
            stop: must(&other.stop, stop),
            ready: may(&other.ready, ready),
            ready_within: other.ready_within.or(*ready_within),
            address: other.address.clone().or_else(|| address.clone()),
            durable: *durable,
            feed: Feed {
                start: must(&fed.start, feed_start),
                stop: must(&fed.stop, feed_stop),
                position: must(&fed.position, position),
                source: must(&fed.source, source),
                lag: may(&fed.lag, lag),
                watch: may(&fed.watch, watch),
            },
            switch: SwitchOver {
                refuse: must(&over.refuse, refuse),
                allow: must(&over.allow, allow),
                drain: must(&over.drain, drain),
                settle: may(&over.settle, settle),
                end: may(&over.end, end),
                rest: may(&over.rest, rest),
                serve: must(&over.serve, serve),
                serve_stop: must(&over.serve_stop, serve_stop),
                reinstall: over.reinstall.unwrap_or(*reinstall),
            },
            forget: None,
            back: None,
        })
    }

    /// Every command of both ways. Those of `back` have no other one where it is not there.
    pub fn both_ways(&self) -> Vec<BothWays<'_>> {
        let Self {
            start,
            stop,
            ready,
            ready_within: _,
            address: _,
            durable: _,
            feed,
            switch,
            forget: _,
            back,
        } = self;
        let Feed { start: feed_start, stop: feed_stop, position, source, lag, watch } = feed;
        let SwitchOver { refuse, allow, drain, settle, end, rest, serve, serve_stop, reinstall: _ } =
            switch;
        let other = back.as_ref();
        let (fed, over) = (other.map(|it| &it.feed), other.map(|it| &it.switch));
        let of = |(place, back_place), usual, back| BothWays { place, usual, back_place, back };
        vec![
            of(
                ("standby.start", "standby.back.start"),
                Some(start),
                other.and_then(|it| it.start.as_ref()),
            ),
            of(
                ("standby.stop", "standby.back.stop"),
                Some(stop),
                other.and_then(|it| it.stop.as_ref()),
            ),
            of(
                ("standby.ready", "standby.back.ready"),
                ready.as_ref(),
                other.and_then(|it| it.ready.as_ref()),
            ),
            of(
                ("standby.feed.start", "standby.back.feed.start"),
                Some(feed_start),
                fed.and_then(|it| it.start.as_ref()),
            ),
            of(
                ("standby.feed.stop", "standby.back.feed.stop"),
                Some(feed_stop),
                fed.and_then(|it| it.stop.as_ref()),
            ),
            of(
                ("standby.feed.position", "standby.back.feed.position"),
                Some(position),
                fed.and_then(|it| it.position.as_ref()),
            ),
            of(
                ("standby.feed.source", "standby.back.feed.source"),
                Some(source),
                fed.and_then(|it| it.source.as_ref()),
            ),
            of(
                ("standby.feed.lag", "standby.back.feed.lag"),
                lag.as_ref(),
                fed.and_then(|it| it.lag.as_ref()),
            ),
            of(
                ("standby.feed.watch", "standby.back.feed.watch"),
                watch.as_ref(),
                fed.and_then(|it| it.watch.as_ref()),
            ),
            of(
                ("standby.switch.refuse", "standby.back.switch.refuse"),
                Some(refuse),
                over.and_then(|it| it.refuse.as_ref()),
            ),
            of(
                ("standby.switch.allow", "standby.back.switch.allow"),
                Some(allow),
                over.and_then(|it| it.allow.as_ref()),
            ),
            of(
                ("standby.switch.drain", "standby.back.switch.drain"),
                Some(drain),
                over.and_then(|it| it.drain.as_ref()),
            ),
            of(
                ("standby.switch.settle", "standby.back.switch.settle"),
                settle.as_ref(),
                over.and_then(|it| it.settle.as_ref()),
            ),
            of(
                ("standby.switch.end", "standby.back.switch.end"),
                end.as_ref(),
                over.and_then(|it| it.end.as_ref()),
            ),
            of(
                ("standby.switch.rest", "standby.back.switch.rest"),
                rest.as_ref(),
                over.and_then(|it| it.rest.as_ref()),
            ),
            of(
                ("standby.switch.serve", "standby.back.switch.serve"),
                Some(serve),
                over.and_then(|it| it.serve.as_ref()),
            ),
            of(
                ("standby.switch.serve_stop", "standby.back.switch.serve_stop"),
                Some(serve_stop),
                over.and_then(|it| it.serve_stop.as_ref()),
            ),
        ]
    }
}
