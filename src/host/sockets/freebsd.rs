//! What processes of FreeBSD listen at, by what they have open (`procstat -f`).

use std::collections::BTreeSet;
use std::path::Path;

use super::Listener;
use crate::host::exec::Runner;
use crate::host::processes::freebsd::{OpenFile, files};

/// Where these processes listen. One that ended meanwhile, or may not be looked at, has none.
pub fn listening(_proc: &Path, pids: impl IntoIterator<Item = i32>) -> BTreeSet<Listener> {
    listening_by(&Runner::default(), pids)
}

fn listening_by(runner: &Runner, pids: impl IntoIterator<Item = i32>) -> BTreeSet<Listener> {
    let pids: Vec<i32> = pids.into_iter().collect();
    if pids.is_empty() {
        return BTreeSet::new();
    }
    let all = files(runner, &pids).unwrap_or_default();
    all.values().flatten().filter_map(listener).collect()
}

/// A TCP socket has its own address and that of the other side, whose port is 0 while there is
/// none. A local one that has a path was bound to it, or accepted there.
fn listener(file: &OpenFile) -> Option<Listener> {
    match file.protocol.as_str() {
        "TCP" => {
            let mut ports = file.path.split_whitespace().map(port);
            let own = ports.next()??;
            let other = ports.next().flatten().unwrap_or(0);
            (own != 0 && other == 0).then_some(Listener::Port(own))
        }
        "UDS" => file.path.starts_with('/').then(|| Listener::Socket(file.path.clone().into())),
        _ => None,
    }
}

/// `10.0.0.1:3306`, `::1.3306`.
fn port(address: &str) -> Option<u16> {
    address.rsplit([':', '.']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::ask::tests::answering;

    /// As `usr.bin/procstat/procstat_files.c` of FreeBSD writes it with libxo: `addr_to_string` puts
    /// a colon before the port of IPv4, and a dot before that of IPv6.
    const FILES: &str = r#"{"procstat": {"files": {"812": {"process_id":812,"command":"redis-server",
        "files": [
        {"fd":"text","fd_type":"vnode","vode_type":"regular","fd_flags":["read"],"ref_count":"-","offset":"-","protocol":"-","path":"/usr/local/bin/redis-server"},
        {"fd":    6,"fd_type":"socket","fd_flags":["read","write","nonblocking"],"ref_count":1,"offset":0,"protocol":"TCP","path":"127.0.0.1:6379 0.0.0.0:0"},
        {"fd":    7,"fd_type":"socket","fd_flags":["read","write","nonblocking"],"ref_count":1,"offset":0,"protocol":"TCP","path":"::1.6380 ::.0"},
        {"fd":    8,"fd_type":"socket","fd_flags":["read","write","nonblocking"],"ref_count":1,"offset":0,"protocol":"TCP","path":"10.0.0.1:51234 10.0.0.2:22"},
        {"fd":    9,"fd_type":"socket","fd_flags":["read","write"],"ref_count":1,"offset":0,"protocol":"UDS","path":"/var/run/redis/redis.sock"},
        {"fd":   10,"fd_type":"socket","fd_flags":["read","write"],"ref_count":1,"offset":0,"protocol":"UDP","path":"0.0.0.0:514 0.0.0.0:0"},
        {"fd":   11,"fd_type":"socket","fd_flags":["read","write"],"ref_count":1,"offset":0,"protocol":"UDS","path":"-"}
        ]}}}}"#;

    #[test]
    fn ports_and_sockets_that_wait_for_clients_are_found() {
        let runner = answering(&[("procstat --libxo json -f 812", FILES)]);
        let found: Vec<String> =
            listening_by(&runner, [812]).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["port 6379", "port 6380", "/var/run/redis/redis.sock"]);
        assert!(listening_by(&runner, []).is_empty(), "nobody is asked for nothing");
        assert!(listening_by(&runner, [1]).is_empty(), "it is gone");
    }
}
