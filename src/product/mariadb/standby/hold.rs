//! Keeps clients from writing: a session that holds the lock for as long as this process lives.

use super::super::client::{Client as _, Program, Server as _};
use super::super::errors::ServerError;
use super::carry::check;
use crate::product::stream::{HelperError, Streams};
use crate::product::unit::ready;

/// No commit returns, no table is defined, and none that cannot roll back is written to:
/// `mariadb-hold SECONDS CLIENT [ARGUMENT...]`. Waits for what runs, each time at most so long. Tells
/// the service manager when that is so, prints `held`, and holds it until it is ended or the server
/// is. `--carry=FOLDER:LIMIT`: only if what a feed has noted there can be carried whole within LIMIT
/// seconds.
pub(in crate::product) fn hold(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let usage =
        || HelperError::usage("mariadb-hold [--carry=FOLDER:LIMIT] SECONDS CLIENT [ARGUMENT...]");
    let first = arguments.first().and_then(|first| first.strip_prefix("--carry="));
    let arguments = match first {
        Some(carry) => {
            let (folder, limit) = carry.rsplit_once(':').ok_or_else(usage)?;
            let client = arguments.get(2..).ok_or_else(usage)?;
            let words = [&[folder.to_owned(), limit.to_owned()], client].concat();
            check(&words, streams)?;
            &arguments[1..]
        }
        None => arguments,
    };
    let [seconds, words @ ..] = arguments else { return Err(usage()) };
    let seconds: u32 = seconds.parse().map_err(|_| usage())?;
    let mut client = Program { words }.connect()?;
    // FLUSH TABLES WITH READ LOCK would wait for every statement, also for one that waits for a row
    // of a transaction whose next statement waits for that lock. These stages wait for no
    // transaction. A session that waits for its next statement must not be ended for that.
    let text = format!(
        "SET @@session.lock_wait_timeout={seconds}, @@session.wait_timeout=86400, \
         @@session.max_statement_time=0;\nBACKUP STAGE START;\nBACKUP STAGE FLUSH;\n\
         BACKUP STAGE BLOCK_DDL;\nBACKUP STAGE BLOCK_COMMIT;\nSELECT 'held';\n"
    );
    let mut line = client.asked(text.as_bytes());
    let held = line.as_deref() == Some("held");
    if held {
        writeln!(streams.output, "held")
            .and_then(|()| streams.output.flush())
            .map_err(HelperError::Output)?;
        ready()?;
    }
    while line.is_some() {
        line = client.line(true);
    }
    let (_, said) = client.end()?;
    let said = ServerError::first_of(&said).map_or(said.trim().to_owned(), |error| error.text);
    Err(HelperError::Failed(if held {
        format!("the server ended the session that held the lock: {said}")
    } else {
        format!("clients cannot be kept from writing within {seconds} s: {said}")
    }))
}

#[cfg(test)]
mod tests {
    use crate::product::tests::on;

    #[test]
    fn a_lock_that_does_not_come_is_said() {
        let server = "echo 'ERROR 1205 (HY000) at line 2: Lock wait timeout exceeded; try \
                      restarting transaction' >&2; exit 1";
        let said = on("mariadb-hold", &["5", "sh", "-c", server], b"").unwrap_err();
        assert_eq!(
            said,
            "clients cannot be kept from writing within 5 s: ERROR 1205 (HY000): Lock wait \
             timeout exceeded; try restarting transaction"
        );
    }

    /// Clients would wait for longer than they are to.
    #[test]
    fn what_takes_too_long_to_carry_is_said_before_anything_is_locked() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = dir.path().display().to_string();
        let mut notes = crate::product::mariadb::standby::Notes::open(&folder).expect("made");
        notes.whole(&(b"shop".to_vec(), b"hits".to_vec()), true, "MyISAM").expect("noted");
        let server = "cat >/dev/null; echo 524288000";
        let carry = format!("--carry={folder}:20");
        let said = on("mariadb-hold", &[&carry, "5", "sh", "-c", server], b"").unwrap_err();
        assert!(said.starts_with("1 tables (500 MB) have to be carried whole"), "{said}");
    }

    #[test]
    fn it_ends_with_its_server() {
        let server = "echo held; read -r line; echo 'ERROR 2013 (HY000): Lost connection' >&2";
        let said = on("mariadb-hold", &["5", "sh", "-c", server], b"").unwrap_err();
        assert_eq!(
            said,
            "the server ended the session that held the lock: ERROR 2013 (HY000): Lost connection"
        );
    }
}
