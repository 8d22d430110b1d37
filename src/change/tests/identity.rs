//! Other servers of the same name: told apart, or refused, and never waited for.

use std::fs;

use super::kind::{PLAIN, ROUGH};
use super::procedures::{Ended, Verb};
use super::straight::{until, upgraded};
use super::world::World;

/// A process named as the server, in this control group.
fn server(world: &World, pid: i32, cgroup: &str) {
    let folder = world.root.join(format!("proc/{pid}"));
    fs::create_dir_all(folder.join("fd")).expect("folder");
    let stat = format!(
        "{pid} (appd) S 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 12300 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
    );
    for (name, text) in
        [("stat", stat.as_str()), ("comm", "appd\n"), ("maps", ""), ("cgroup", cgroup)]
    {
        fs::write(folder.join(name), text).expect("written");
    }
}

/// The stop does not wait for `appd (77)`.
#[test]
fn s5_a_server_of_another_unit_or_container_is_left_alone() {
    for cgroup in [
        "0::/system.slice/system-app.slice/app@2.service\n",
        "0::/system.slice/docker-0123456789ab.scope\n",
        "0::/machine.slice/libpod-77.scope/container\n",
    ] {
        for verb in [Verb::Keep, Verb::InPlace] {
            let world = upgraded(PLAIN);
            server(&world, 77, cgroup);
            world.run(verb);
            world.serves("1.0");
        }
    }
}

/// One that nobody can tell from the service still counts.
#[test]
fn s5_a_server_that_may_be_the_service_is_not_left_alone() {
    for (kind, cgroup) in [
        (PLAIN, "0::/user.slice/user-0.slice/session-3.scope\n"),
        (PLAIN, "0::/\n"),
        (PLAIN, "0::/system.slice/app.service\n"),
        // Without units, the name is all that is known.
        (ROUGH, "0::/system.slice/other.service\n"),
    ] {
        let world = upgraded(kind);
        server(&world, 77, cgroup);
        let plan = world.plan(Verb::Keep, &world.state());
        let ended = format!("{:?}", world.once(Some(plan), None));
        assert!(ended.contains("appd (77)"), "{cgroup}: {ended}");
    }
}

/// A unit that starts the service when a client comes is stopped with it, and started again.
#[test]
fn s5_a_socket_that_starts_the_service_is_closed_with_it() {
    for (verb, end) in [
        (Verb::Keep, None),
        (Verb::InPlace, None),
        (Verb::Keep, Some(Verb::Abort)),
        (Verb::InPlace, Some(Verb::Abort)),
    ] {
        for step in ["stop", "verify"] {
            let world = upgraded(PLAIN);
            world.product.host().socket = Some(true);
            let plan = world.plan(verb, &world.state());
            assert_eq!(world.once(Some(plan), Some(until(step, true))), Ended::Killed);
            assert_eq!(world.product.host().socket, Some(false), "{step}");
            match end {
                Some(end) => world.run(end),
                None => world.go_on(),
            }
            world.serves(if end.is_some() { "2.0" } else { "1.0" });
            assert_eq!(world.product.host().socket, Some(true), "{step}");
        }
    }
    // One that is not up stays so.
    let world = upgraded(PLAIN);
    world.product.host().socket = Some(false);
    world.run(Verb::Keep);
    world.serves("1.0");
    assert_eq!(world.product.host().socket, Some(false));
}

/// An upgrade that is given up before it touched the packages.
#[test]
fn s5_a_socket_is_open_again_after_an_upgrade_that_was_given_up() {
    let world = World::new(PLAIN);
    world.product.host().socket = Some(true);
    let plan = world.plan(Verb::Upgrade, &world.state());
    assert_eq!(world.once(Some(plan), Some(until("snapshot", true))), Ended::Killed);
    assert_eq!(world.product.host().socket, Some(false));
    world.run(Verb::Abort);
    world.serves("1.0");
    assert_eq!(world.product.host().socket, Some(true));
}

/// Closed is closed, at every port.
#[test]
fn s5_a_server_that_is_not_closed_in_maintenance_is_found() {
    for (without_clients, found) in [(false, false), (true, true)] {
        let world = upgraded(PLAIN);
        world.product.host().port = Some(without_clients);
        world.product.host().process();
        let plan = world.plan(Verb::Keep, &world.state());
        let ended = format!("{:?}", world.once(Some(plan), None));
        assert_eq!(ended.contains("listens at port 6380, as the service did"), found, "{ended}");
        if found {
            world.product.host().port = None;
            world.run(Verb::Abort);
            world.serves("2.0");
        } else {
            world.serves("1.0");
        }
    }
}
