//! A plan as people read it: each step on a line, with its real names, and its commands if they are
//! asked for.

use serde_json::json;

use super::wrap::wrapped;
use super::{json, line};
use crate::cli::Global;
use crate::step::{self, Plan};

/// How many lines of commands a step shows: there is one for each dataset.
const SHOWN: usize = 40;

/// Prints a plan; with its commands, if `commands`.
pub fn plan(global: &Global, change: &str, plan: &Plan, commands: bool) {
    if global.json {
        json::line(&json!({ "result": "plan", "change": change, "plan": plan }));
        return;
    }
    line(&format!("{} {change}", plan.procedure.verb()));
    for (i, step) in plan.steps.iter().enumerate() {
        if plan.point_of_no_return() == Some(i) {
            line(
                "     ---- point of no return: from here on, the downgrade can only be completed \
                ----",
            );
        }
        line(&wrapped(&format!("{:>4}  {}", i + 1, step.title), "      "));
        if !commands {
            continue;
        }
        let commands = step::effect(&step.action).preview();
        for command in commands.iter().take(SHOWN) {
            for part in folded(command) {
                line(&format!("        {part}"));
            }
        }
        if commands.len() > SHOWN {
            let more = commands.len() - SHOWN;
            line(&format!("        … and {more} more like these"));
        }
    }
}

/// A command on several lines that a shell reads as one. It is broken between words only, so a long
/// word is not broken.
fn folded(command: &str) -> Vec<String> {
    const WIDTH: usize = 100 - "        ".len() - " \\".len();
    const MORE: &str = "    ";
    let mut lines: Vec<String> = Vec::new();
    for word in words(command) {
        match lines.last_mut() {
            Some(last) if last.chars().count() + 1 + word.chars().count() <= WIDTH => {
                last.push(' ');
                last.push_str(word);
            }
            Some(_) => lines.push(format!("{MORE}{word}")),
            None => lines.push(word.to_owned()),
        }
    }
    let last = lines.len().saturating_sub(1);
    lines.iter_mut().take(last).for_each(|line| line.push_str(" \\"));
    lines
}

/// Splits a command at the spaces outside quotes.
fn words(command: &str) -> Vec<&str> {
    let (mut found, mut start) = (Vec::new(), 0);
    let mut within: Vec<char> = Vec::new();
    let mut characters = command.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match (within.last(), c) {
            (Some('\''), '\'') | (Some('"'), '"') | (Some('('), ')') => {
                within.pop();
            }
            (Some('\''), _) => {}
            (_, '\\') => {
                characters.next();
            }
            (Some('"'), '$') if characters.next_if(|(_, next)| *next == '(').is_some() => {
                within.push('(')
            }
            (Some('"'), _) => {}
            (_, '\'' | '"') => within.push(c),
            (None, ' ') => {
                found.push(&command[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&command[start..]);
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::host::quote::quote;

    #[test]
    fn a_long_command_is_shown_whole_on_several_lines() {
        assert_eq!(folded("zfs mount tank/mysql"), ["zfs mount tank/mysql"]);
        let options: Vec<String> =
            (1..=9).map(|i| format!("--option-{i}='the value {i}'")).collect();
        let shown = folded(&format!("program {} < file", options.join(" ")));
        insta::assert_snapshot!(shown.join("\n"), @r"
        program --option-1='the value 1' --option-2='the value 2' --option-3='the value 3' \
            --option-4='the value 4' --option-5='the value 5' --option-6='the value 6' \
            --option-7='the value 7' --option-8='the value 8' --option-9='the value 9' < file
        ");
    }

    proptest! {
        #[test]
        fn a_command_is_broken_between_words_only(given in prop::collection::vec("[a-z'\"\\\\$() \
            \n-]{0,60}", 1..12)) {
            let quoted: Vec<String> = given.iter().map(quote).collect();
            let command = quoted.join(" ");
            prop_assert_eq!(words(&command), quoted);
            let shown = folded(&command).join("\n");
            prop_assert_eq!(shown.replace(" \\\n    ", " "), command);
        }
    }
}
