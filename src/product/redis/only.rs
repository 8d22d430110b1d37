//! A list of some keys: those in a file.

use std::path::Path;

use super::keys::{KEYS, List};
use super::plain::bytes_of;
use crate::product::stream::{HelperError, next_line};

/// The first column of the lines of functions.
const FUNCTIONS: &[u8] = b"functions";

impl List<'_> {
    /// What stands in a file: `DATABASE<tab>KEY`, sorted. Behind a `+`: a line with `*` in its last
    /// column says that what begins so is listed here, be it gone or not.
    pub(super) fn only(&mut self, file: &Path) -> Result<(), HelperError> {
        let unread = |why: String| HelperError::Failed(format!("{}: {why}", file.display()));
        let input = std::fs::File::open(file).map_err(|error| unread(error.to_string()))?;
        let (mut input, mut line) = (std::io::BufReader::new(input), Vec::new());
        let (mut names, mut database) = (Vec::new(), None);
        loop {
            let more = next_line(&mut input, &mut line)?;
            if let Some(anew) = line.strip_prefix(b"+").filter(|_| more) {
                let put = [anew, b"\t*\n"].concat();
                self.output.write_all(&put).map_err(HelperError::Output)?;
                line.remove(0);
                if line == FUNCTIONS {
                    continue;
                }
            }
            let (of, name) = match line.iter().position(|byte| *byte == b'\t') {
                Some(at) => (&line[..at], &line[at + 1..]),
                None => (&line[..], &[][..]),
            };
            let of = std::str::from_utf8(of).ok().and_then(|text| text.parse::<u32>().ok());
            if !more || names.len() == KEYS || of != database {
                let keys = self.looked_at(std::mem::take(&mut names))?;
                self.page(&keys)?;
            }
            if !more {
                return Ok(());
            }
            let (Some(of), Some(name)) = (of, bytes_of(name)) else {
                return Err(unread("a line is not a database and a key".into()));
            };
            if database != Some(of) {
                self.client.done(&[b"SELECT", of.to_string().as_bytes()])?;
                self.db = of;
                self.fields = self.has_fields_that_expire()?;
                database = Some(of);
            }
            names.push(name);
        }
    }
}
