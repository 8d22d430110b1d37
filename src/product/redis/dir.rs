//! The data folder as the server's configuration file calls it. A server goes there before it reads
//! its command line, so that path must lead to the data wherever it runs.

use std::path::Path;

use super::config;
use crate::product::stream::{HelperError, Streams};

const USAGE: &str = "redis-dir --config FILE DATADIR";

/// Prints `dir`, or DATADIR where the file says nothing, or a path that is not absolute, or is
/// closed to the caller.
///
/// # Errors
/// When the configuration file cannot be read.
pub(in crate::product) fn dir(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [option, config, datadir] = arguments else { return Err(HelperError::usage(USAGE)) };
    if option != "--config" {
        return Err(HelperError::usage(USAGE));
    }
    // `check` and `plan` are for everybody; whoever changes anything may read the file.
    let settings = config::read_permitted(Path::new(config))?.unwrap_or_default();
    let said = config::last(&settings, "dir").and_then(|words| words.first());
    let said = said.filter(|path| path.starts_with('/')).unwrap_or(datadir);
    // A path that ends in `/` would be another one.
    let path = said.trim_end_matches('/');
    let path = if path.is_empty() { "/" } else { path };
    writeln!(streams.output, "{path}").map_err(HelperError::Output)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use crate::product::tests::on;

    #[test]
    fn the_folder_is_told_as_the_configuration_calls_it() {
        let folder = tempfile::tempdir().expect("temp dir");
        let config = folder.path().join("redis.conf").display().to_string();
        for (text, path) in [
            ("dir /var/lib/redis\n", "/var/lib/redis"),
            ("dir /a\ndir \"/srv/my data/\"\n", "/srv/my data"),
            ("dir ./\n", "/tank/data"),
            ("port 1\n", "/tank/data"),
        ] {
            std::fs::write(&config, text).expect("written");
            let said = on("redis-dir", &["--config", &config, "/tank/data"], b"").expect("told");
            assert_eq!(String::from_utf8_lossy(&said), format!("{path}\n"));
        }
        assert!(on("redis-dir", &["--config", "/no/such/file", "/x"], b"").is_err());
        assert!(on("redis-dir", &["/x"], b"").is_err());
    }
}
