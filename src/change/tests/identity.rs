//! Other servers of the same name: told apart, or refused, and never waited for.

use std::fs;

use super::kind::{PLAIN, ROUGH};
use super::straight::upgraded;
use super::world::{Verb, World};

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

/// Red before: the stop waited for `appd (77)`, and failed.
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
