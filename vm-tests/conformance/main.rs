//! One set of cases for every engine: the in-memory one always, the real ones on real ZFS.
//!
//! A case is a function over a [`World`](world::World): an engine and what only an outsider can do
//! (write files, make snapshots as another tool does). The real runs need root, the kernel module
//! and a folder for pools:
//!
//! ```text
//! cargo test --test zfs_conformance -- --pool-dir /srv/pools --include-ignored
//! ```
//!
//! Without that they are reported as ignored, not as passed. `--keep` keeps the pools of failed
//! cases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails loudly")]
#![allow(clippy::print_stderr, reason = "it says which pool it kept")]
#![expect(
    clippy::disallowed_methods,
    reason = "it asks the zfs command itself, beside the engines"
)]

mod cases;
#[path = "../harness.rs"]
mod harness;
mod real;
mod world;

use std::cell::Cell;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::harness::{HELP, Harness, test};
use crate::real::{ENGINES, RealWorld};
use crate::world::{FakeWorld, World};

/// What the engines for ZFS do, on pools of their own.
#[derive(Debug, Parser)]
#[command(help_template = HELP)]
struct Options {
    /// Make the pools of the real engines in files in this folder. Their cases are ignored:
    /// --include-ignored runs them, too.
    #[arg(long, value_name = "DIR")]
    pool_dir: Option<PathBuf>,
    /// Keep the pools of failed cases.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    harness: Harness,
}

macro_rules! cases {
    ($($group:ident::$case:ident,)*) => {
        /// The names, to be compared with the functions in the files (a forgotten case is a
        /// failure), and the cases.
        const CASES: &[(&str, fn(&dyn World))] = &[$((stringify!($case), cases::$group::$case)),*];
    };
}

cases! {
    reading::pool_is_listed,
    reading::what_is_missing_is_none,
    reading::names_may_hold_spaces_and_colons,
    reading::a_tree_has_parents_first,
    reading::a_dataset_is_described,
    reading::inherited_properties_are_not_local,
    reading::what_a_dataset_received_is_its_own,
    reading::values_may_hold_tabs_and_newlines,
    reading::properties_are_cleared,
    reading::snapshots_are_of_the_dataset_itself_and_in_order,
    snapshots::of_many_datasets_are_of_one_moment,
    snapshots::one_that_exists_fails_the_set,
    snapshots::a_missing_dataset_fails_the_set,
    snapshots::a_dataset_named_twice_is_refused,
    snapshots::carry_their_own_properties,
    snapshots::of_nothing_are_nothing,
    snapshots::a_hold_may_be_put_and_taken_twice,
    snapshots::are_destroyed_only_when_they_are_the_right_ones,
    snapshots::held_or_cloned_are_not_destroyed,
    snapshots::of_the_longest_name,
    snapshots::what_was_written_since_one_is_told,
    datasets::a_clone_has_its_properties_and_is_not_mounted,
    datasets::a_clone_that_cannot_be_made_leaves_nothing,
    datasets::children_are_cloned_one_by_one,
    datasets::a_file_system_holds_room_back,
    datasets::a_volume_is_cloned_and_renamed,
    datasets::a_rename_moves_children_and_leaves_mounts,
    datasets::a_rename_that_cannot_be_is_refused,
    datasets::a_promotion_moves_the_snapshots,
    datasets::a_promotion_with_a_name_twice_is_refused,
    datasets::mounts_may_be_made_and_unmade_twice,
    datasets::an_unmount_of_what_is_in_use_is_refused,
    datasets::an_unmount_leaves_children_alone,
    datasets::are_destroyed_only_alone_and_when_they_are_the_right_ones,
    datasets::the_way_back_with_keep,
    datasets::a_rename_to_names_too_long_is_refused,
    datasets::a_rename_keeps_properties_and_children_that_are_not_mounted,
    datasets::clones_of_clones_are_promoted,
    datasets::the_clones_of_a_snapshot_are_listed,
    many::many_are_read_like_each,
    many::many_snapshots_are_held_and_destroyed,
    many::many_snapshots_are_destroyed_only_when_they_are_the_right_ones,
    many::many_take_the_way_back_with_keep,
    many::many_may_be_allowed_something,
    rollback::goes_back_and_leaves_the_mark,
    rollback::of_two_datasets_at_once,
    rollback::with_a_newer_snapshot_that_nobody_named_changes_nothing,
    rollback::with_a_held_or_cloned_newer_snapshot_changes_nothing,
    rollback::to_another_snapshot_of_that_name_changes_nothing,
    rollback::with_another_newer_snapshot_of_that_name_changes_nothing,
    rollback::of_a_mounted_dataset_changes_nothing,
    rollback::with_one_bad_target_changes_none,
    rollback::is_not_done_twice_for_one_mark,
    rollback::is_done_again_for_another_mark,
    rollback::with_an_inherited_mark_is_done,
    rollback::with_newer_bookmarks_wants_them_named,
    rollback::to_a_held_and_cloned_target_works,
    rollback::with_a_small_refquota_changes_nothing,
    rollback::of_one_dataset_twice_or_a_missing_one_is_refused,
    rollback::leaves_children_and_neighbours_alone,
    rollback::of_a_volume,
    rollback::of_an_open_volume_is_refused,
    rollback::over_many_newer_snapshots,
    rollback::works_when_the_pool_is_full,
    rollback::is_asked_about_without_a_change,
    rollback::of_a_parent_that_had_no_folder_for_its_child,
    rollback::to_nothing,
}

fn every_case_is_listed() {
    let sources = [
        include_str!("cases/reading.rs"),
        include_str!("cases/snapshots.rs"),
        include_str!("cases/datasets.rs"),
        include_str!("cases/many.rs"),
        include_str!("cases/rollback.rs"),
    ];
    let written: Vec<&str> = sources
        .iter()
        .flat_map(|text| text.lines())
        .filter_map(|line| line.strip_prefix("pub fn ")?.strip_suffix("(world: &dyn World) {"))
        .collect();
    assert_eq!(written, CASES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

thread_local! {
    /// The case that this thread runs when its turn comes: `serial` takes a function without
    /// arguments.
    static CASE: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
}

/// One pool at a time: what fills one would make the others wait.
fn alone(case: impl FnOnce() + 'static) {
    CASE.set(Some(Box::new(case)));
    its_turn();
}

#[serial_test::serial]
fn its_turn() {
    CASE.take().expect("a case")();
}

fn main() -> ExitCode {
    let Options { pool_dir, keep, harness } = Options::parse();
    let mut trials = vec![test("every_case_is_listed", every_case_is_listed)];
    trials.extend(
        CASES.iter().map(|(name, case)| test(format!("fake::{name}"), || case(&FakeWorld::new()))),
    );
    for (engine, open) in ENGINES {
        trials.extend(CASES.iter().map(|(name, case)| {
            let pool_dir = pool_dir.clone();
            let real = move || {
                let pool_dir = pool_dir.expect("--pool-dir names a folder for pools");
                alone(move || case(&RealWorld::new(open(), &pool_dir, keep)));
            };
            test(format!("{engine}::{name}"), real).with_ignored_flag(true)
        }));
    }
    harness.run(trials)
}
