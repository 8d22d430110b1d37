//! Which items are carried whole, and why.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::journal::{Output, WholeItem};
use crate::playbook::CommandTemplate;
use crate::step::files::copy;
use crate::step::{Context, Repeated, Step};

/// See [`crate::step::Action::NoticeWhole`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticeWhole {
    /// Prints the items.
    pub command: CommandTemplate,
}

/// How many items are told to the person who watches.
const SHOWN: usize = 10;
/// In the place of a size: it cannot be carried whole.
const NO_SIZE: &str = "-";

// What was noticed before may describe an older state.
impl Repeated for NoticeWhole {
    fn preview(&self) -> Vec<String> {
        vec![self.command.to_string()]
    }

    fn apply(&self, step: &Step, context: &Context<'_>) -> Result<Output> {
        let folder = context.whole_dir(&step.id);
        copy::fresh_dir(&folder)?;
        let more = [("whole_dir", folder.display().to_string())];
        let printed = context
            .runner
            .run(&context.fill(&self.command, &more)?)
            .context("it could not be found out what must be carried whole")?;
        let list = parse(&printed.stdout)?;
        for item in list.iter().take(SHOWN) {
            (context.say)(&format!("carried whole: {item}"));
        }
        if let Some(more) = list.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            (context.say)(&format!("carried whole: {more} more; the journal names them"));
        }
        Ok(Output::Whole { list })
    }
}

/// One item on each line: name, bytes, reason.
pub(in crate::step::data) fn parse(text: &str) -> Result<Vec<WholeItem>> {
    let (list, not_carried) = parse_differing(text)?;
    if let Some(name) = not_carried.first() {
        bail!("{name:?} has no size");
    }
    Ok(list)
}

/// The same of what differs; and what cannot be carried whole, with the reason, for a person: a `-`
/// stands in the place of its size.
pub(in crate::step::data) fn parse_differing(text: &str) -> Result<(Vec<WholeItem>, Vec<String>)> {
    let (mut list, mut not_carried) = (Vec::new(), Vec::new());
    let mut names = BTreeSet::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let mut fields = line.splitn(3, '\t');
        let (name, size) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let wrong = || format!("{line:?} is not a name, a size and a reason with tabs between");
        let why = fields.next().with_context(wrong)?.trim().to_owned();
        ensure!(!name.is_empty(), wrong());
        if size.trim() == NO_SIZE {
            not_carried.push(format!("{name}: {why}"));
            continue;
        }
        let size = size.trim().parse().with_context(wrong)?;
        ensure!(names.insert(name), "{name} is named twice");
        list.push(WholeItem { name: name.to_owned(), size, why });
    }
    Ok((list, not_carried))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_a_size_and_a_reason() {
        let list = parse("shop.a b\t17\tengine MEMORY\n\nshop.c\t 0\t\n").expect("read");
        let shown: Vec<String> = list.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["shop.a b (17 B): engine MEMORY", "shop.c (0 B)"]);
        for wrong in ["shop.a", "shop.a\t17", "shop.a\tbig\tx", "\t17\tx", "a\t1\tx\na\t2\ty"] {
            parse(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn what_cannot_be_carried_is_told_with_the_reason() {
        let text = "shop.a\t17\trows\nviews\t-\tnot tables\nshop.a\t-\tits definition\n";
        let (list, not_carried) = parse_differing(text).expect("read");
        assert_eq!(list.len(), 1);
        assert_eq!(not_carried, ["views: not tables", "shop.a: its definition"]);
        parse(text).expect_err("a size is missing");
    }
}
