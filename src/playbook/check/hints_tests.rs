//! What the checker says of slips that make no wrong file: each in the example, which has none.

use crate::playbook::Validated;
use crate::playbook::built_in::BUILT_IN;
use crate::playbook::programs::Program;

/// What is wrong in the example, or odd, with some of its text exchanged: what, and the remedy.
fn said(pairs: &[(&str, &str)], programs: Vec<Program>) -> Vec<(String, String)> {
    let mut text = BUILT_IN[0].text.to_owned();
    for (old, new) in pairs {
        assert!(text.contains(old), "{old}");
        text = text.replacen(old, new, 1);
    }
    let found = Validated::with_programs("x/playbook.toml", Some("generic"), &text, programs);
    let all = found.map_or_else(|error| error.problems, |playbook| playbook.warnings().to_vec());
    all.into_iter().map(|it| (it.what, it.remedy)).collect()
}

#[track_caller]
fn one(pairs: &[(&str, &str)], what: &str, remedy: &str) {
    let found = said(pairs, Vec::new());
    assert_eq!(found, [(what.to_owned(), remedy.to_owned())]);
}

#[test]
fn a_field_is_called_by_its_name_where_a_name_has_no_value() {
    let pair = ("address = \"/run/backout-standby-tally/socket\"", "address = \"{feed_dir}/x\"");
    let found = said(&[pair], Vec::new());
    let what = "`{feed_dir}` (a folder for the feed's own files, empty when the standby is made) is \
                not known in standby.address";
    assert_eq!(found[0].0, what);
    assert!(found[0].1.starts_with("use it only in the commands of standby, "), "{}", found[0].1);
}

#[test]
fn names_that_are_nearly_others() {
    let variable = "[[detect.value]]\nvariable = \"datadir\"";
    let nearly = "[[detect.value]]\nvariable = \"datdir\"";
    let found = said(&[(variable, nearly)], Vec::new());
    assert!(found.contains(&(
        "there is no variable \"datdir\"".to_owned(),
        "did you mean \"datadir\"?".to_owned()
    )));
}

#[test]
fn a_default_is_taken_as_it_is() {
    let old = "default = \"/var/lib/tally\"";
    let what = "a default is taken as it is: this is two braces";
    one(&[(old, "default = \"/var/lib/{{1}}\"")], what, "write `{` once, if one is meant");
    let found = said(&[(old, "default = \"var/lib/tally\"")], Vec::new());
    let [(what, remedy)] = found.as_slice() else { panic!("once: {found:?}") };
    let begins = "\"var/lib/tally\" is no absolute path, and ";
    assert!(what.starts_with(begins) && what.ends_with(" begins with it"), "{what}");
    assert_eq!(remedy, "write the whole path, from the `/` on");
}

#[test]
fn what_is_still_to_do() {
    let pair = ("[version]\n", "[version] # TO DO: x\n# TO DO: another\n");
    let what = "there is still something to do, here and at 1 place more";
    one(&[pair], what, "do it, and remove the mark");
    // A text is no mark.
    assert!(said(&[("title = \"Tally", "title = \"TO DO lists")], Vec::new()).is_empty());
}

/// A stop of a unit that is not there succeeds, and the server goes on.
#[test]
fn a_unit_is_stopped_by_the_name_that_it_was_started_by() {
    let stop = "stop = { argv = [\"tallyctl\", \"stop\", \"--wait\"] }\n# Optional, as above.";
    let start = "start = { argv = [\"tallyctl\", \"start\", \"--local-only\"], daemon = true }";
    let by = |start_words: &str, stop_words: &str| {
        let new_stop = format!("stop = {{ argv = [{stop_words}] }}\n# Optional, as above.");
        let new_start = format!("start = {{ argv = [{start_words}] }}");
        said(&[(stop, &new_stop), (start, &new_start)], Vec::new())
    };
    let run = "\"systemd-run\", \"--unit=backout-tally\", \"tallyd\"";
    let what = "this stops backout-talyl.service, which no command of the playbook starts";
    let slip = [(what.to_owned(), "did you mean backout-tally.service?".to_owned())];
    assert_eq!(by(run, "\"systemctl\", \"stop\", \"backout-talyl.service\""), slip);
    assert_eq!(by(run, "\"{backout}\", \"helper\", \"stop-unit\", \"backout-talyl\""), slip);
    assert!(by(run, "\"systemctl\", \"stop\", \"--quiet\", \"backout-tally.service\"").is_empty());
    // Another unit altogether: nobody knows who starts it.
    assert!(by(run, "\"systemctl\", \"stop\", \"rsyslog\"").is_empty());
    // A program may start it.
    let program = Program::new("run.sh", b"exec systemd-run --unit=backout-tallx x".to_vec());
    let stop_words =
        "stop = { argv = [\"systemctl\", \"stop\", \"backout-tallx\"] }\n# Optional, as above.";
    let start_words = "start = { argv = [\"sh\", \"{program_dir}/run.sh\"] }";
    assert!(said(&[(stop, stop_words), (start, start_words)], vec![program]).is_empty());
}

/// Where no mark can be made, a switch goes by what was fed.
#[test]
fn what_is_compared_ahead_needs_what_was_fed() {
    let fed = "fed = { argv = [\"sort\", \"--unique\", \"{feed_dir}/names\"] }\n";
    let what = "nothing says what was fed, for a switch in which `mark` cannot tell";
    one(&[(fed, "")], what, "add `fed` beside it");
}

#[test]
fn nothing_is_compared_ahead_without_a_standby() {
    let text = BUILT_IN[0].text;
    let begin = text.find("[standby]\n").expect("there is one");
    let next = |line: &&str| line.starts_with('[') && !line.starts_with("[standby");
    let next = text[begin..].lines().find(next).expect("more follows");
    let end = begin + text[begin..].find(&format!("\n{next}\n")).expect("it stands there");
    let found = said(&[(&text[begin..end], "")], Vec::new());
    let count = found.iter().filter(|(what, _)| what.contains("there is no standby")).count();
    assert_eq!(count, 2, "{found:?}");
}
