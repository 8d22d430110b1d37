//! What a server refused of its own append-only file while it loaded it. It goes on then, and says
//! so in its log alone.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::Path;

use super::client::{Client, said};
use crate::product::stream::{HelperError, Streams};

const USAGE: &str = "redis-refused SOCKET [USER]";

/// How much of the end of the server's log is read.
const LOG: u64 = 64 << 20;

/// Prints a line for each command that the server on this socket refused while it loaded its data.
///
/// # Errors
/// When the server does not answer.
pub(in crate::product) fn refused(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let (socket, user) = match arguments {
        [socket] => (socket, None),
        [socket, user] => (socket, Some(user.as_str())),
        _ => return Err(HelperError::usage(USAGE)),
    };
    let mut client = Client::connect(Path::new(socket), user)?;
    let info = |client: &mut Client, part: &[u8], name: &str| {
        let text = client.done(&[b"INFO", part])?.text();
        let number = said(&text, name).and_then(|value| value.parse::<u64>().ok());
        number.ok_or_else(|| HelperError::Failed(format!("the server does not say its {name}")))
    };
    let count = info(&mut client, b"stats", "unexpected_error_replies")?;
    if count == 0 {
        return Ok(());
    }
    let process = info(&mut client, b"server", "process_id")?;
    let log = client.done(&[b"CONFIG", b"GET", b"logfile"])?;
    let path = log.named("logfile").map(|path| path.text()).unwrap_or_default();
    let mut lines = logged(Path::new(&path), process).unwrap_or_default();
    lines.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    for line in &lines {
        writeln!(streams.output, "{line}").map_err(HelperError::Output)?;
    }
    // Its log may be somewhere else.
    for number in lines.len() as u64 + 1..=count {
        writeln!(streams.output, "refused while loading: {number} (see the server's log)")
            .map_err(HelperError::Output)?;
    }
    Ok(())
}

/// What the process wrote into its log about this.
fn logged(path: &Path, process: u64) -> std::io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG)))?;
    let (mut input, mut line, mut found) = (BufReader::new(file), Vec::new(), Vec::new());
    let ours = format!("{process}:");
    while input.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        let error = text
            .strip_prefix(&ours)
            .and_then(|rest| rest.split_once("is sending an error to its AOF-loading-client: "));
        if let Some((_, error)) = error {
            found.push(format!("refused while loading: {}", error.trim_end()));
        }
        line.clear();
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes its own file")]
    fn the_log_of_this_process_alone_is_read() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("log");
        let said = "M 29 Nov 2026 10:42:59.628 # == CRITICAL == This server is sending an error to \
                    its AOF-loading-client: '-WRONGTYPE Operation' after processing the command \
                    'lpush'";
        let text = format!("17:{said}\n7:{said}\n7:M 29 Nov * ready\n");
        std::fs::write(&path, text).expect("written");
        assert_eq!(
            logged(&path, 7).expect("read"),
            ["refused while loading: '-WRONGTYPE Operation' after processing the command 'lpush'"]
        );
    }
}
