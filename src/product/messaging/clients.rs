//! Clients are shut out, while the store runs; and let in again.

use std::path::Path;
use std::time::{Duration, Instant};

use super::notes::Notes;
use super::{failed, servers};
use crate::host::exec::{Command, Runner};
use crate::host::identity::standby_unit;
use crate::host::processes;
use crate::product::stream::{HelperError, Streams};

const USAGE: &str = "messaging-clients refuse|allow FOLDER INSTALLATION [PROCESS...]";

/// How long a process may take to end after the stop returned, and the store to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(50);

/// `refuse`: when this returns, none of these processes runs, which serve clients or deliver mail,
/// and the store does. The feed, whose notes are in FOLDER, makes no pass but those that somebody
/// waits for. `allow` takes all of that back.
pub(in crate::product) fn clients(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [verb, folder, installation, processes @ ..] = arguments else {
        return Err(HelperError::usage(USAGE));
    };
    let notes = Notes::of(Path::new(folder));
    let runner = Runner::default();
    let program = |name: &str| format!("{installation}/bin/{name}");
    match verb.as_str() {
        "refuse" => {
            notes.set_closed(true)?;
            servers(&runner, vec![program("stop-msg")])?;
            gone(processes)?;
            servers(&runner, vec![program("start-msg"), "store".into()])?;
            let check = Command::new([program("imcheck"), "-s".into()]);
            within(|| Ok(runner.run(&check).err().map(|error| error.to_string())))
        }
        "allow" => {
            notes.set_closed(false)?;
            servers(&runner, vec![program("start-msg")]).map(drop)
        }
        _ => Err(HelperError::usage(USAGE)),
    }
}

/// Waits until no process of the service has one of these names.
fn gone(names: &[String]) -> Result<(), HelperError> {
    within(|| {
        let mut found = processes::named(Path::new("/proc"), names).map_err(failed)?;
        found.retain(|process| standby_unit(process).is_none());
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        let left = format!("the stop returned, and these still run: {}", found.join(", "));
        Ok((!found.is_empty()).then_some(left))
    })
}

/// Waits until there is no reason to wait.
fn within(
    mut reason: impl FnMut() -> Result<Option<String>, HelperError>,
) -> Result<(), HelperError> {
    let begin = Instant::now();
    while let Some(why) = reason()? {
        if begin.elapsed() > PATIENCE {
            return Err(failed(why));
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}
