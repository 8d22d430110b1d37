//! Small programs for the products that ship with this tool: `backout helper NAME ARGUMENT...`.
//!
//! A playbook names one as `{backout} helper NAME`, mostly within a pipe. Each reads its input as a
//! stream and holds at most one statement in memory. The journal of an open change may name a
//! helper, so a helper keeps its name and the meaning of its arguments.

mod apt;
mod dpkg;
mod mariadb;
mod messaging;
mod postgresql;
mod redis;
mod script;
mod stream;
mod unit;

use std::ffi::OsString;

pub use stream::{HelperError, Streams};

/// One helper.
struct Helper {
    name: &'static str,
    run: fn(&[String], &mut Streams<'_>) -> Result<(), HelperError>,
}

const HELPERS: &[Helper] = &[
    Helper { name: "apt-release", run: apt::release },
    Helper { name: "apt-source", run: apt::source },
    Helper { name: "dpkg-rehearse", run: dpkg::rehearse },
    Helper { name: "dpkg-repair", run: dpkg::repair },
    Helper { name: "mariadb-differing", run: mariadb::differing },
    Helper { name: "mariadb-fed", run: mariadb::fed },
    Helper { name: "mariadb-feed", run: mariadb::feed },
    Helper { name: "mariadb-feed-carry", run: mariadb::carry },
    Helper { name: "mariadb-feed-check", run: mariadb::check },
    Helper { name: "mariadb-feed-lag", run: mariadb::lag },
    Helper { name: "mariadb-feed-mark", run: mariadb::mark },
    Helper { name: "mariadb-feed-watch", run: mariadb::watch },
    Helper { name: "mariadb-feed-whole", run: mariadb::carried },
    Helper { name: "mariadb-hold", run: mariadb::hold },
    Helper { name: "mariadb-inserts", run: mariadb::inserts },
    Helper { name: "mariadb-item", run: mariadb::item },
    Helper { name: "mariadb-load", run: mariadb::load },
    Helper { name: "mariadb-past-rejects", run: mariadb::past_rejects },
    Helper { name: "mariadb-position", run: mariadb::position },
    Helper { name: "mariadb-reached", run: mariadb::reached },
    Helper { name: "mariadb-replay", run: mariadb::replay },
    Helper { name: "mariadb-settings", run: mariadb::settings },
    Helper { name: "mariadb-touched", run: mariadb::touched },
    Helper { name: "mariadb-touched-rows", run: mariadb::select },
    Helper { name: "mariadb-verify-log", run: mariadb::verify_log },
    Helper { name: "mariadb-whole", run: mariadb::notice },
    Helper { name: "messaging-clients", run: messaging::clients },
    Helper { name: "messaging-feed", run: messaging::feed },
    Helper { name: "messaging-run", run: messaging::run },
    Helper { name: "messaging-unit", run: messaging::unit },
    Helper { name: "postgresql-dump", run: postgresql::dump },
    Helper { name: "postgresql-each", run: postgresql::each },
    Helper { name: "postgresql-feed", run: postgresql::feed },
    Helper { name: "postgresql-package", run: postgresql::package },
    Helper { name: "postgresql-rehearse", run: postgresql::rehearse },
    Helper { name: "postgresql-restore", run: postgresql::restore },
    Helper { name: "postgresql-touched-rows", run: postgresql::touched_rows },
    Helper { name: "postgresql-verify", run: postgresql::verify },
    Helper { name: "postgresql-with", run: postgresql::with },
    Helper { name: "redis-ask", run: redis::ask },
    Helper { name: "redis-dir", run: redis::dir },
    Helper { name: "redis-feed", run: redis::feed },
    Helper { name: "redis-keys", run: redis::keys },
    Helper { name: "redis-load", run: redis::load },
    Helper { name: "redis-past-rejects", run: redis::past_rejects },
    Helper { name: "redis-refused", run: redis::refused },
    Helper { name: "redis-standby", run: redis::standby },
    Helper { name: "redis-touched", run: redis::touched },
    Helper { name: "redis-verify-log", run: redis::verify },
    Helper { name: "start-unit", run: script::start_unit },
    Helper { name: "stop-unit", run: script::stop_unit },
];

/// The helpers for any product: name, arguments, what it does. The others are their playbooks' own.
pub const GENERAL: &[(&str, &str, &str)] = &[
    (
        "apt-release",
        "--known|--stays RELEASE",
        "Reads `apt-cache policy`, and prints what is wrong: no source has the release; APT would \
         move to it by itself.",
    ),
    (
        "apt-source",
        "RELEASE",
        "Makes the packages of a release known to APT, from the archives of the present one.",
    ),
    (
        "dpkg-rehearse",
        "OWN FILE...",
        "Prints what prevents the installation of saved packages. OWN is an extended regular \
         expression for the whole names of packages that may be removed.",
    ),
    (
        "dpkg-repair",
        "--release RELEASE | FILE...",
        "Finishes or undoes a run of dpkg that was cut off.",
    ),
    ("start-unit", "UNIT...", "Starts units."),
    ("stop-unit", "UNIT...", "Stops units, and succeeds when they are not there."),
];

/// What `backout helper --help` prints, or `backout helper NAME --help`.
pub fn help(name: Option<&str>) -> String {
    let one = |(name, arguments, about): &(&str, &str, &str)| {
        format!("backout helper {name} {arguments}\n    {about}\n")
    };
    let general = GENERAL.iter().find(|(general, ..)| name == Some(*general));
    if let Some(general) = general {
        return one(general);
    }
    let is_general = |helper: &&Helper| GENERAL.iter().any(|(name, ..)| *name == helper.name);
    let own = |helper: &&Helper| !is_general(helper);
    if let Some(helper) = HELPERS.iter().filter(own).find(|helper| Some(helper.name) == name) {
        let product = match helper.name.split('-').next().unwrap_or_default() {
            "messaging" => "messaging-server",
            product => product,
        };
        return format!(
            "backout helper {0} is a part of the playbook {product}, which shows how it is called: \
             backout playbook show {product}\n",
            helper.name
        );
    }
    let all: String = GENERAL.iter().map(one).collect();
    let others: Vec<&str> = HELPERS.iter().filter(own).map(|helper| helper.name).collect();
    format!(
        "Small programs that playbooks name in their commands: {{backout}} helper NAME ARGUMENT...\n\n\
         For any product:\n\n{all}\nParts of the playbooks that their names begin with: {}\n",
        others.join(", ")
    )
}

/// Runs the helper of this name.
///
/// # Errors
/// When there is none, its arguments are wrong, or it fails.
pub fn run(
    name: &str,
    arguments: &[OsString],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let known = || HELPERS.iter().map(|helper| helper.name).collect::<Vec<_>>().join(", ");
    let helper = HELPERS.iter().find(|helper| helper.name == name).ok_or_else(|| {
        HelperError::Usage(format!("there is no helper {name:?}; the helpers are {}", known()))
    })?;
    let text = |argument: &OsString| {
        let unread =
            || HelperError::Usage(format!("the argument {} is not text", argument.display()));
        argument.to_str().map(str::to_owned).ok_or_else(unread)
    };
    let arguments = arguments.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    (helper.run)(&arguments, streams)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a helper on a text; what it printed, or the reason.
    pub(super) fn on(name: &str, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let (mut input, mut output) = (input, Vec::new());
        let mut streams = Streams { input: &mut input, output: &mut output };
        run(name, &arguments, &mut streams).map_err(|error| error.to_string())?;
        Ok(output)
    }

    /// A file that is kept in a playbook's folder.
    pub(super) fn kept(path: &str) -> Vec<u8> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks").join(path);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    #[test]
    fn an_unknown_helper_is_answered_with_the_known_ones() {
        let said = on("mariadb-reply", &[], b"").unwrap_err();
        assert!(
            said.starts_with("there is no helper \"mariadb-reply\"; the helpers are apt-release, "),
            "{said}"
        );
    }

    #[test]
    fn a_helper_says_what_it_is_for() {
        assert!(GENERAL.iter().all(|(name, ..)| HELPERS.iter().any(|it| it.name == *name)));
        let all = help(None);
        assert!(HELPERS.iter().all(|helper| all.contains(helper.name)), "{all}");
        assert!(help(Some("apt-source")).starts_with("backout helper apt-source RELEASE\n"));
        assert!(help(Some("redis-feed")).contains("backout playbook show redis"));
        assert_eq!(help(Some("no-such")), all);
        // Each of the others belongs to a playbook that is there.
        let playbooks = crate::playbook::built_in::BUILT_IN;
        for helper in HELPERS.iter().filter(|it| GENERAL.iter().all(|(name, ..)| *name != it.name))
        {
            let begins = |name: &str| name.split('-').next() == helper.name.split('-').next();
            assert!(playbooks.iter().any(|it| begins(it.name)), "{}", helper.name);
        }
    }

    #[test]
    fn the_helpers_are_in_the_order_of_their_names() {
        assert!(HELPERS.is_sorted_by_key(|helper| helper.name));
    }
}
