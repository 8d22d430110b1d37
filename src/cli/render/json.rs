//! What programs read: one JSON object a line.

use serde_json::{Value, json};

use crate::change::event::Event;
use crate::step::Step;

/// Prints one JSON object on a line.
pub fn line(value: &Value) {
    let _ = told(value);
}

/// The same. Whether somebody reads still.
pub(super) fn told(value: &Value) -> bool {
    super::told(text(value).trim_end())
}

/// One JSON object and the end of its line.
pub fn text(value: &Value) -> String {
    escaped(&value.to_string()) + "\n"
}

/// JSON may have some control characters as they are, but a terminal obeys them. They are within
/// strings only.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() {
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

/// Prints what happens while a procedure runs.
pub fn event(event: &Event<'_>) {
    line(&as_json(event));
}

fn as_json(event: &Event<'_>) -> Value {
    let id = |step: &&Step| step.id.clone();
    match event {
        Event::Started { step, number, total, attempt, .. } => {
            json!({
                "event": "started", "step": id(step), "title": step.title, "number": number,
                "total": total, "attempt": attempt,
            })
        }
        Event::Done { step, adopted, output, took } => {
            json!({
                "event": "done", "step": id(step), "adopted": adopted, "output": output,
                "seconds": took.as_secs_f64(),
            })
        }
        Event::Failed { step, error } => {
            json!({ "event": "failed", "step": id(step), "error": error })
        }
        Event::Rewound { to, why } => json!({ "event": "rewound", "to": to, "why": why }),
        Event::Said(text) => json!({ "event": "said", "text": text }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_json_whatever_is_in_it() {
        let value = json!({ "name": "a\u{9b}2J\u{7f}\u{1b}\n" });
        let text = escaped(&value.to_string());
        assert!(!text.contains(char::is_control), "{text:?}");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), value);
    }
}
