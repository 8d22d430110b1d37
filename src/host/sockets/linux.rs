//! What processes listen at (`proc_pid_net(5)`).

use std::collections::BTreeSet;
use std::path::Path;

use procfs::net::{TcpState, UnixState};
use procfs::process::{FDTarget, Process};

use super::Listener;

/// Where these processes listen. One that ended meanwhile, or may not be looked at, has none.
pub fn listening(proc: &Path, pids: impl IntoIterator<Item = i32>) -> BTreeSet<Listener> {
    pids.into_iter().flat_map(|pid| of_process(&proc.join(pid.to_string()))).collect()
}

fn of_process(folder: &Path) -> Vec<Listener> {
    let Ok(process) = Process::new_with_root(folder.to_owned()) else { return Vec::new() };
    let Ok(files) = process.fd() else { return Vec::new() };
    let inodes: BTreeSet<u64> = files
        .flatten()
        .filter_map(|file| match file.target {
            FDTarget::Socket(inode) => Some(inode),
            _ => None,
        })
        .collect();
    // A server may hold a socket that it did not bind itself (socket activation).
    let tcp = [process.tcp(), process.tcp6()].into_iter().flatten().flatten();
    let ports = tcp
        .filter(|entry| entry.state == TcpState::Listen && inodes.contains(&entry.inode))
        .map(|entry| Listener::Port(entry.local_address.port()));
    let unix = process.unix().into_iter().flatten();
    let sockets = unix
        .filter(|entry| entry.state == UnixState::UNCONNECTED && inodes.contains(&entry.inode))
        .filter_map(|entry| entry.path.map(Listener::Socket));
    ports.chain(sockets).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Our own sockets, as the kernel shows them.
    #[test]
    fn s5_ports_and_sockets_of_a_process_are_found_whoever_they_are_for() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("db.sock");
        let plain = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
        let extra = std::net::TcpListener::bind("[::1]:0")
            .or_else(|_| std::net::TcpListener::bind("127.0.0.1:0"))
            .expect("bound");
        let _socket = std::os::unix::net::UnixListener::bind(&path).expect("bound");
        let me = i32::try_from(std::process::id()).expect("small");
        let found = listening("/proc".as_ref(), [me]);
        for listener in [
            Listener::Port(plain.local_addr().expect("bound").port()),
            Listener::Port(extra.local_addr().expect("bound").port()),
            Listener::Socket(path),
        ] {
            assert!(found.contains(&listener), "{listener} is not in {found:?}");
        }
        let port = plain.local_addr().expect("bound").port();
        drop(plain);
        assert!(!listening("/proc".as_ref(), [me]).contains(&Listener::Port(port)));
        assert!(listening("/proc".as_ref(), [i32::MAX]).is_empty());
    }
}
