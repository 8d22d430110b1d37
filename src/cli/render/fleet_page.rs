//! A fleet as one HTML page: no network, the worst host first, readable on a phone.

use chrono::{DateTime, Local};
use maud::{Markup, html};

use super::fleet::counted;
use super::html::{Mood, code, whole};
use crate::report::{Fleet, FleetChange, FleetHost, Rank};

/// The whole page.
pub fn page(fleet: &Fleet, at: DateTime<Local>) -> String {
    let counted = counted(fleet);
    let header = html! {
        h1 { "Fleet" }
        p.id { (at.format("%Y-%m-%d %H:%M:%S %z")) }
    };
    let main = html! {
        p.counts {
            @for (rank, count) in fleet.counts() {
                span.badge.(mood(rank).class()) { (count) " " (rank.words()) } " "
            }
        }
        @for host in &fleet.hosts { (of_host(host)) }
    };
    whole(&counted, &header, &main)
}

fn mood(rank: Rank) -> Mood {
    match rank {
        Rank::Halted
        | Rank::Failed
        | Rank::Interrupted
        | Rank::WayBackLost
        | Rank::Differs
        | Rank::NoReport
        | Rank::Refused => Mood::Bad,
        Rank::AtWork | Rank::Undecided => Mood::Mild,
        Rank::Waiting => Mood::Pale,
        Rank::Closed => Mood::Good,
    }
}

fn of_host(host: &FleetHost) -> Markup {
    html! {
        section.host {
            h2 { (host.name) " " span.badge.(mood(host.rank).class()) { (host.stands()) } }
            @if let Some(change) = &host.change {
                p.when {
                    (change.playbook) " " (change.from) " → " (change.to) ", " (change.id)
                    @if change.host != host.name { " on " (change.host) }
                }
            }
            @if !host.why.is_empty() {
                ul.events { @for why in &host.why { li { (code(why)) } } }
            }
            dl {
                @if let Some(change) = &host.change { (facts(change)) }
                @if !host.next.is_empty() {
                    dt { "Next" }
                    dd {
                        ul.next {
                            @for next in &host.next { li { code { (next.command) } " " (next.meaning) } }
                        }
                    }
                }
                @if let Some(at) = host.at {
                    dt { "As of" } dd { (at.format("%Y-%m-%d %H:%M:%S %z")) }
                }
            }
        }
    }
}

fn facts(change: &FleetChange) -> Markup {
    let downtime = change.downtime();
    html! {
        @if !downtime.is_empty() {
            dt { "Clients were shut out" }
            dd.bad[change.shut_out_since.is_some()] { (downtime) }
        }
        @if let Some(proof) = &change.proof {
            dt { "Proof" } dd { (proof) }
        }
        @if !change.interruptions.is_empty() {
            dt { "Interruptions" }
            dd {
                details {
                    summary { (change.interruptions.len()) }
                    ul.events {
                        @for (at, procedure, what) in &change.interruptions {
                            li { time { (at.format("%m-%d %H:%M:%S")) } " " (procedure.verb()) ": " (code(what)) }
                        }
                    }
                }
            }
        }
    }
}
