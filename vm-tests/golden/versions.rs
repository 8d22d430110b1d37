//! Journals across versions of the tool: what earlier ones wrote is read, and what a later one
//! added is not passed over.

use std::path::Path;

use backout::journal::{JournalError, Phase, Procedure, file};
use backout::playbook::library;
use backout::report::report;
use backout::step::{Action, State};
use backout::strategy;
use backout::zfs::Dataset;

use super::history::History;

/// The text of a journal that an earlier version wrote. These files are never written anew: a
/// change of the format needs a new number, or must read them.
fn kept(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vm-tests/golden/journals").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn journals_of_earlier_versions_are_read() {
    let table = [
        ("0.1.0-prepared.journal", Phase::Prepared, "prepared"),
        ("0.1.0-within-restore.journal", Phase::Upgraded, "interrupted in the downgrade"),
        ("0.1.0-backed-out-keep.journal", Phase::BackedOut, "backed out"),
        ("0.1.0-backed-out-in-place.journal", Phase::BackedOut, "backed out"),
        ("0.1.0-closed.journal", Phase::Closed, "closed"),
    ];
    for (name, phase, state) in table {
        let reading =
            file::decode(Path::new(name), &kept(name)).unwrap_or_else(|error| panic!("{error}"));
        assert!(!reading.torn, "{name}");
        // Each line is compared with its text once, without another reading of it.
        let written: String =
            reading.lines.iter().map(|line| file::encode(line).expect("json")).collect();
        assert!(
            written.as_bytes() == kept(name),
            "{name} is not what this version writes, to the byte"
        );
        let fold = State::fold(&reading.lines)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .expect("opened");
        assert_eq!((fold.phase, report(&fold).state), (phase, state.to_owned()), "{name}");
    }
}

/// 0.1.0 set the upgraded data aside as `DATASET.failed`. It is put back from there.
#[test]
fn what_0_1_0_set_aside_is_put_back() {
    let name = "0.1.0-backed-out-keep.journal";
    let reading =
        file::decode(Path::new(name), &kept(name)).unwrap_or_else(|error| panic!("{error}"));
    let state = State::fold(&reading.lines).expect("possible").expect("opened");
    let run = state.last_run(Procedure::is_downgrade).expect("a downgrade");
    let playbook = library::find(&state.manifest.playbook, &[]).expect("built in");
    let roots: Vec<Dataset> =
        state.manifest.datasets.iter().take(1).map(|mount| mount.dataset.clone()).collect();
    let plan = strategy::back(
        &playbook,
        &state,
        run,
        strategy::Exchanged { roots: &roots, stays: &[] },
        false,
    )
    .expect("a plan");
    let found = plan.steps.iter().find_map(|step| match &step.action {
        Action::PutBack(it) => Some(it.aside.to_string()),
        _ => None,
    });
    assert_eq!(found, Some(format!("{}.failed", roots[0])));
}

/// With one change in the text of a record, and a checksum that fits.
fn changed(text: &str, from: &str, to: &str) -> Result<backout::step::Reading, JournalError> {
    assert!(text.contains(from), "{from}");
    let lines = text.lines().map(|line| {
        let json = line.split_once(' ').expect("a checksum").1.replacen(from, to, 1);
        format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()))
    });
    file::decode(Path::new("journal"), lines.collect::<String>().as_bytes())
}

#[test]
fn what_a_later_version_added_is_not_passed_over() {
    let text = History::backed_out(true).text();
    for (from, to) in [
        (r#""record":"finished""#, r#""record":"finished","unless":"a reason""#),
        (r#""holds_until":"start""#, r#""holds_until":"start","holds_if":"dry""#),
        (r#""do":"stop""#, r#""do":"stop","gently":true"#),
        (r#""store":null"#, r#""store":null,"zone":"there""#),
    ] {
        match changed(&text, from, to) {
            Err(JournalError::Foreign { why, .. }) => {
                assert!(why.ends_with("holds something that this version does not know"), "{why}")
            }
            other => panic!("{to}: {other:?}"),
        }
    }
}

#[test]
fn a_change_of_another_version_of_the_tool_goes_on() {
    let text = History::backed_out(true).text();
    for tool in ["0.0.1", "7.11.13"] {
        let reading = changed(&text, r#""tool":"0.1.0""#, &format!(r#""tool":"{tool}""#))
            .expect("same format, same words");
        assert_eq!(
            State::fold(&reading.lines).expect("possible").expect("opened").phase,
            Phase::BackedOut
        );
    }
}
