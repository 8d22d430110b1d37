//! A plan as people read it: each step with its real names and commands.

use serde_json::json;

use super::json;
use super::text::line;
use crate::cli::Global;
use crate::step::{self, Plan};

/// Prints a plan with every command.
pub fn plan(global: &Global, change: &str, plan: &Plan) {
    if global.json {
        json::line(&json!({ "result": "plan", "change": change, "plan": plan }));
        return;
    }
    line(&format!("{} {change}", plan.procedure.verb()));
    let mut cut = false;
    for (i, step) in plan.steps.iter().enumerate() {
        if plan.point_of_no_return() == Some(i) {
            line("     ---- point of no return: from here on the only way is forward ----");
        }
        line(&format!("{:>4}  {}", i + 1, step.title));
        for command in step::effect(&step.action).preview() {
            let short = shortened(&command);
            cut |= short.is_some();
            line(&format!("        {}", short.unwrap_or(command)));
        }
    }
    if cut {
        line("Commands that end in … are longer; with --json they are shown whole.");
    }
}

/// The beginning of a command that would fill the screen, such as a page of SQL.
fn shortened(command: &str) -> Option<String> {
    const MOST: usize = 140;
    command.char_indices().nth(MOST).map(|(end, _)| format!("{}…", &command[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_sql_is_shown_by_its_beginning() {
        assert_eq!(shortened("zfs mount tank/mysql"), None);
        let sql = format!("mariadb --execute={}", "ä".repeat(400));
        let short = shortened(&sql).expect("too long");
        assert_eq!(short.chars().count(), 141);
        assert!(short.ends_with("ä…"));
    }
}
