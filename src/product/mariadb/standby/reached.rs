//! Waits until a server has come to a position.

use std::time::{Duration, Instant};

use super::super::client::{Client as _, Program, Server as _};
use super::super::gtid::Position;
use crate::product::stream::{HelperError, Streams};

/// Asks a server how far it has come. It answers `at=POSITION`.
pub(super) const HOW_FAR: &[u8] = b"SELECT CONCAT('at=', @@gtid_binlog_pos);\n";

/// Returns when the server has come to a position: `mariadb-reached POSITION SECONDS CLIENT
/// [ARGUMENT...]`. Fails when it has not within that time.
pub(in crate::product) fn reached(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let usage = || HelperError::usage("mariadb-reached POSITION SECONDS CLIENT [ARGUMENT...]");
    let [position, seconds, words @ ..] = arguments else { return Err(usage()) };
    let (Some(wanted), Ok(seconds)) = (Position::parse(position), seconds.parse::<u64>()) else {
        return Err(usage());
    };
    let at = reach(&wanted.fed(), Duration::from_secs(seconds), words)?;
    writeln!(streams.output, "{at}").map_err(HelperError::Output)
}

/// Waits until a server has come to a position. Returns how far it has come.
///
/// # Errors
/// When it has not within that time, or cannot be asked.
pub(super) fn reach(
    wanted: &Position,
    limit: Duration,
    words: &[String],
) -> Result<Position, HelperError> {
    let begin = Instant::now();
    let failed = |what: String| HelperError::Failed(what);
    let mut client = Program { words }.connect()?;
    loop {
        let Some(line) = client.asked(HOW_FAR) else {
            let (_, said) = client.end()?;
            return Err(failed(format!("the server cannot be asked: {}", said.trim())));
        };
        let at = line.strip_prefix("at=").and_then(Position::parse).unwrap_or_default();
        if wanted.all().all(|gtid| at.has(gtid)) {
            return Ok(at);
        }
        if begin.elapsed() > limit {
            return Err(failed(format!(
                "the standby came to {at} within {} s, not to {wanted}",
                limit.as_secs()
            )));
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

#[cfg(test)]
mod tests {
    use crate::product::tests::on;

    const SERVER: &str = "while read -r line; do echo at=0-1-$n; n=$((n + 1)); done";

    #[test]
    fn it_waits_until_the_position_is_reached() {
        let server = format!("n=5; {SERVER}");
        let said = on("mariadb-reached", &["0-1-8", "60", "sh", "-c", &server], b"").unwrap();
        assert_eq!(said, b"0-1-8\n");
    }

    #[test]
    fn it_gives_up_in_time_and_says_how_far_it_came() {
        let server = "while read -r line; do echo at=0-1-5; done";
        let said = on("mariadb-reached", &["0-1-8", "0", "sh", "-c", server], b"").unwrap_err();
        assert_eq!(said, "the standby came to 0-1-5 within 0 s, not to 0-1-8");
        let said =
            on("mariadb-reached", &["0-1-8", "9", "sh", "-c", "echo no >&2"], b"").unwrap_err();
        assert_eq!(said, "the server cannot be asked: no");
    }
}
