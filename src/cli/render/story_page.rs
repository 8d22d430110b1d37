//! The story of a change as one HTML page: no network, readable on a phone, and on paper.

use chrono::TimeDelta;
use maud::{Markup, html};

use super::html::{Mood, code, whole};
use crate::report::{Outcome, ProcedureEntry, StepEntry, Timeline, spent};

/// The whole page. `commands`: what the log of commands says.
pub fn page(story: &Timeline, commands: Option<&str>) -> String {
    let title = format!("{}: {} {} to {}", story.change, story.playbook, story.from, story.to);
    let header = html! {
        h1 { (story.playbook) " " (story.from) " → " (story.to) }
        p.id { (story.change) }
    };
    let main = html! {
        (summary(story))
        @for procedure in &story.procedures { (of_procedure(procedure)) }
        @if let Some(commands) = commands {
            section.commands {
                h2 { "Commands" }
                details { summary { "What the commands printed" } pre { (commands) } }
            }
        }
    };
    whole(&title, &header, &main)
}

fn summary(story: &Timeline) -> Markup {
    html! {
        dl {
            dt { "Host" } dd { (story.host) }
            @if !story.datasets.is_empty() {
                dt { "Datasets" } dd { (story.datasets.join(", ")) }
                dt { "Snapshot" } dd { "@" (story.snapshot) }
            }
            dt { "Opened" }
            dd { (story.opened.format("%Y-%m-%d %H:%M:%S %z")) " by backout " (story.tool) }
            @if let Some(compared) = &story.compared {
                dt { "Compared" } dd { (compared.lists()) }
            }
            @if !story.shut_out.is_empty() {
                dt { "Clients were shut out" }
                dd {
                    ul {
                        @for window in &story.shut_out {
                            li {
                                @match window.spent() {
                                    Some(time) => b { (spent(time)) },
                                    None => b.bad { "still" },
                                }
                                " from " (window.from.format("%Y-%m-%d %H:%M:%S"))
                            }
                        }
                    }
                }
            }
            @if let Some(compared) = &story.compared && !compared.not_compared.is_empty() {
                dt { "Not compared, or not brought back" }
                dd { ul { @for limit in &compared.not_compared { li { (code(limit)) } } } }
            }
        }
    }
}

fn of_procedure(procedure: &ProcedureEntry) -> Markup {
    let whole = procedure.ended - procedure.began;
    let longest = procedure.steps.iter().filter_map(StepEntry::spent).max().unwrap_or_default();
    let mood = match procedure.outcome {
        Outcome::Finished => Mood::Good,
        Outcome::Unfinished => Mood::Bad,
        Outcome::GivenUp => Mood::Mild,
    };
    html! {
        section {
            h2 {
                (procedure.procedure.verb()) " "
                span.badge.(mood.class()) { (procedure.outcome.words()) }
            }
            p.when {
                (procedure.began.format("%Y-%m-%d %H:%M:%S %z")) ", " (spent(whole)) " in all"
            }
            @if let Some(proof) = procedure.proof {
                p.proof.(if proof.holds() { "good" } else { "bad" }) { (proof) }
            }
            @if !procedure.events.is_empty() {
                ul.events {
                    @for event in &procedure.events {
                        li { time { (event.at.format("%H:%M:%S")) } " " (code(&event.what)) }
                    }
                }
            }
            table {
                thead { tr { th { "Step" } th.number { "Time" } th.bar aria-hidden="true" {} } }
                tbody { @for step in &procedure.steps { (of_step(step, longest)) } }
            }
        }
    }
}

fn of_step(step: &StepEntry, longest: TimeDelta) -> Markup {
    let time = match (step.spent(), step.began) {
        (Some(time), _) => spent(time),
        (None, Some(_)) => "not ended".to_owned(),
        (None, None) => "–".to_owned(),
    };
    let share =
        |time: TimeDelta| 100 * time.num_milliseconds().max(0) / longest.num_milliseconds().max(1);
    html! {
        tr {
            td {
                (step.title)
                @if step.tries > 1 { " " span.tries { (step.tries) " tries" } }
                @if let Some(result) = &step.result { div.result { (result) } }
            }
            td.number { (time) }
            td.bar aria-hidden="true" {
                @if let Some(time) = step.spent() { div style={ "width:" (share(time)) "%" } {} }
            }
        }
    }
}
