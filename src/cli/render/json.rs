//! What programs read: one JSON object a line.

use serde_json::{Value, json};

use crate::change::run::Event;
use crate::step::Step;

/// Prints one JSON object on a line.
pub fn line(value: &Value) {
    super::line(&value.to_string());
}

/// Prints what happens while a procedure runs.
pub fn event(event: &Event<'_>) {
    line(&as_json(event));
}

fn as_json(event: &Event<'_>) -> Value {
    let id = |step: &&Step| step.id.clone();
    match event {
        Event::Started { step, number, total, attempt } => {
            json!({ "event": "started", "step": id(step), "title": step.title, "number": number, "total": total, "attempt": attempt })
        }
        Event::Done { step, adopted, output, took } => {
            json!({ "event": "done", "step": id(step), "adopted": adopted, "output": output, "seconds": took.as_secs_f64() })
        }
        Event::Failed { step, error } => {
            json!({ "event": "failed", "step": id(step), "error": error })
        }
        Event::Rewound { to, why } => json!({ "event": "rewound", "to": to, "why": why }),
        Event::Said(text) => json!({ "event": "said", "text": text }),
    }
}
