//! The author's guide names all that there is: each name with a value, when each command runs, each
//! helper for any product.

use std::collections::BTreeSet;

use backout::playbook::library;
use backout::playbook::names::LATE_NAMES;
use backout::product::GENERAL;

use super::blocks::top;

/// The words in backquotes in the first column of the table under a headline.
fn first_column(headline: &str) -> BTreeSet<String> {
    let guide = std::fs::read_to_string(top().join("docs/playbook-authors-guide.md"));
    let guide = guide.expect("the guide");
    let (_, section) = guide.split_once(&format!("\n### {headline}\n")).expect("a headline");
    let section = section.split("\n### ").next().unwrap_or_default();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let words = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    words.map(str::to_owned).collect()
}

#[test]
fn the_table_of_names_has_each_of_them_and_no_other() {
    let known: BTreeSet<String> = LATE_NAMES.iter().map(|it| it.name.to_owned()).collect();
    assert_eq!(first_column("Names"), known);
}

#[test]
fn the_guide_says_when_each_command_runs() {
    let table = first_column("When each command runs");
    let covers = |row: &str, place: &str| {
        let row = row.trim_end_matches(".*");
        place.strip_prefix(row).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let example = library::find("generic", &[]).expect("built in");
    let places: BTreeSet<&str> = example.commands().into_iter().map(|(place, _)| place).collect();
    let missing: Vec<&&str> =
        places.iter().filter(|place| !table.iter().any(|row| covers(row, place))).collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
    // Nor a row of a command that is none.
    let none: Vec<&String> = table
        .iter()
        .filter(|row| !row.starts_with('{') && !places.iter().any(|place| covers(row, place)))
        .collect();
    assert!(none.is_empty(), "no command {none:?}");
}

#[test]
fn the_guide_has_each_helper_for_any_product() {
    let table = first_column("Programs");
    let named = |name: &str| table.iter().any(|it| it.split(' ').next() == Some(name));
    let missing: Vec<&str> =
        GENERAL.iter().map(|(name, ..)| *name).filter(|name| !named(name)).collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
}
