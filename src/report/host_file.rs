//! What one host said with `backout --json report`, read back. Pure.

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;
use serde_json::Value;

use super::{Next, Standing, Timeline, WayBack};

type Time = DateTime<FixedOffset>;

/// The form of what `backout --json report` prints. A higher number is not read.
pub const REPORT_FORMAT: u64 = 1;

/// What a file about one host says.
#[derive(Debug, Clone, Default)]
pub struct HostFile {
    pub(super) report: Option<HostReport>,
    /// The host said that there is no change on it.
    pub(super) no_change: bool,
    pub(super) error: Option<HostError>,
}

/// An object with `"result":"report"`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct HostReport {
    pub(super) at: Time,
    #[serde(default)]
    pub(super) at_work: Option<String>,
    pub(super) report: Timeline,
    /// None: the journal tells its story, and no more.
    pub(super) status: Option<HostStatus>,
}

/// What of a status is shown.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct HostStatus {
    pub(super) state: String,
    pub(super) standing: Standing,
    #[serde(default)]
    pub(super) why: Option<String>,
    #[serde(default)]
    pub(super) way_back: Option<WayBack>,
    pub(super) next: Vec<Next>,
}

/// An object with `"result":"error"`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct HostError {
    pub(super) exit: u8,
    pub(super) what: String,
    #[serde(default)]
    pub(super) cause: Vec<String>,
    #[serde(default)]
    pub(super) next: Vec<Next>,
}

/// Why a file is not one about a host.
#[derive(Debug, thiserror::Error)]
pub enum NotOfHost {
    /// There is no object in it.
    #[error("it is empty")]
    Empty,
    /// A line is something else.
    #[error("line {0} is not JSON of backout: {1}")]
    Foreign(usize, String),
    /// Another command wrote it.
    #[error(
        "line {0} is the result of another command (`{1}`): `backout --json report` makes one that \
         can be used"
    )]
    OtherResult(usize, String),
    /// A later version wrote it.
    #[error(
        "line {0} is from a later version of backout (format {1}, this one knows {REPORT_FORMAT}): \
         use that version here"
    )]
    Newer(usize, u64),
}

/// Reads what a host said: one JSON object a line. The last report counts, and the last error
/// behind it.
///
/// # Errors
/// [`NotOfHost`] says what is wrong with it.
pub fn read_host_file(text: &str) -> Result<HostFile, NotOfHost> {
    let mut file = HostFile::default();
    let mut found = false;
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let foreign = |error: serde_json::Error| NotOfHost::Foreign(number, error.to_string());
        let value: Value = serde_json::from_str(line).map_err(foreign)?;
        let Some(result) = value.get("result").and_then(Value::as_str) else {
            return Err(NotOfHost::Foreign(number, "it has no `result`".to_owned()));
        };
        found = true;
        match result {
            "report" => {
                let format = value.get("format").and_then(Value::as_u64);
                let format = format.ok_or_else(|| {
                    NotOfHost::Foreign(number, "the report has no `format`".to_owned())
                })?;
                if format > REPORT_FORMAT {
                    return Err(NotOfHost::Newer(number, format));
                }
                let report = serde_json::from_value(value).map_err(foreign)?;
                file = HostFile { report: Some(report), ..HostFile::default() };
            }
            "error" => file.error = Some(serde_json::from_value(value).map_err(foreign)?),
            "status" if value["changes"].as_array().is_some_and(Vec::is_empty) => {
                file = HostFile { no_change: true, ..HostFile::default() };
            }
            other => return Err(NotOfHost::OtherResult(number, other.to_owned())),
        }
    }
    if found { Ok(file) } else { Err(NotOfHost::Empty) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        read_host_file(text).map(|_| ()).expect_err("not of a host").to_string()
    }

    #[test]
    fn what_no_host_said_is_named() {
        assert_eq!(problem("\n"), "it is empty");
        assert!(problem("{\"result\"").starts_with("line 1 is not JSON of backout: "));
        assert!(problem("{\"a\":1}").ends_with("it has no `result`"));
        assert!(problem("{\"result\":\"report\"}").ends_with("the report has no `format`"));
        assert!(problem("\n{\"result\":\"plan\"}").starts_with("line 2 is the result of another"));
        assert!(problem("{\"result\":\"status\",\"changes\":[{}]}").contains("`status`"));
        let newer = problem("{\"result\":\"report\",\"format\":2,\"unheard\":[]}");
        assert!(newer.contains("later version") && newer.contains("format 2"), "{newer}");
        let broken = problem("{\"result\":\"report\",\"format\":1}");
        assert!(broken.contains("missing field `at`"), "{broken}");
    }
}
