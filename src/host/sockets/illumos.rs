//! What processes of illumos (and Solaris) listen at, as `pfiles` tells it (`proc(1)`). It holds
//! each for a moment.

use std::collections::BTreeSet;
use std::path::Path;

use super::Listener;
use crate::host::ask;
use crate::host::exec::Runner;

/// Where these processes listen. One that ended meanwhile, or may not be looked at, has none.
pub fn listening(_proc: &Path, pids: impl IntoIterator<Item = i32>) -> BTreeSet<Listener> {
    listening_by(&Runner::default(), pids)
}

fn listening_by(runner: &Runner, pids: impl IntoIterator<Item = i32>) -> BTreeSet<Listener> {
    let pids: Vec<String> = pids.into_iter().map(|pid| pid.to_string()).collect();
    if pids.is_empty() {
        return BTreeSet::new();
    }
    let text = ask::what_is_there(runner, ["pfiles".to_owned()].into_iter().chain(pids));
    parse(&text.unwrap_or_default())
}

/// A file begins with its number and its type. A stream socket with an address and without the
/// other side's waits for clients: `pfiles` does not print whether it does.
fn parse(text: &str) -> BTreeSet<Listener> {
    let mut found = BTreeSet::new();
    let mut socket = Socket::default();
    for line in text.lines().map(str::trim) {
        let begins = line.split_once(": S_IF").is_some_and(|(number, _)| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        if begins {
            found.extend(std::mem::take(&mut socket).listener());
        } else if line == "SOCK_STREAM" {
            socket.stream = true;
        } else if let Some(address) = line.strip_prefix("sockname: ") {
            socket.own = address.to_owned();
        } else if line.starts_with("peername: ") {
            socket.peer = true;
        }
    }
    found.extend(socket.listener());
    found
}

#[derive(Default)]
struct Socket {
    stream: bool,
    own: String,
    peer: bool,
}

impl Socket {
    fn listener(self) -> Option<Listener> {
        if !self.stream || self.peer {
            return None;
        }
        if let Some(path) = self.own.strip_prefix("AF_UNIX ") {
            return path.starts_with('/').then(|| Listener::Socket(path.into()));
        }
        let (_, port) = self.own.split_once(" port: ")?;
        port.trim().parse().ok().filter(|port| *port != 0).map(Listener::Port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::ask::tests::answering;

    /// The sockets 25 and 26 are in the tests of oxidecomputer/omicron (an illumos distribution's
    /// ClickHouse, `extract_port_from_pfiles_output`), the one with a peer is in a proposal for
    /// illumos' `fdinfo` (`pfiles` of an sshd), the files and the nameless local socket in notes
    /// on Solaris' `pfiles`.
    const PRINTED: &str = "\
812:    /opt/clickhouse/clickhouse server
  Current rlimit: 65536 file descriptors
   0: S_IFSOCK mode:0666 dev:374,0 ino:55360 uid:0 gid:0 size:0
      O_RDWR
        SOCK_STREAM
        SO_SNDBUF(16384),SO_RCVBUF(5120)
        sockname: AF_UNIX
   1: S_IFREG mode:0644 dev:85,7 ino:985900 uid:310 gid:300 size:603
      O_WRONLY|O_CREAT|O_TRUNC|O_LARGEFILE
      /var/log/01.log
   5: S_IFSOCK mode:0666 dev:559,0 ino:63783 uid:0 gid:0 rdev:0,0
      O_RDWR|O_NONBLOCK FD_CLOEXEC
        SOCK_STREAM
        SO_REUSEADDR,SO_KEEPALIVE,SO_SNDBUF(49152),SO_RCVBUF(128872)
        sockname: AF_INET 172.27.10.9  port: 22
        peername: AF_INET 172.27.10.79  port: 38576
      offset:25042
  25: S_IFSOCK mode:0666 dev:547,0 ino:24056 uid:0 gid:0 rdev:0,0
      O_RDWR FD_CLOEXEC
        SOCK_STREAM
        SO_REUSEADDR,SO_SNDBUF(49152),SO_RCVBUF(128000)
        sockname: AF_INET6 ::1  port: 9004
  26: S_IFSOCK mode:0666 dev:547,0 ino:24056 uid:0 gid:0 rdev:0,0
      O_RDWR FD_CLOEXEC
        SOCK_STREAM
        SO_REUSEADDR,SO_SNDBUF(49152),SO_RCVBUF(128000)
        sockname: AF_INET 127.0.0.1  port: 8123
";

    #[test]
    fn ports_that_wait_for_clients_are_found() {
        let runner = answering(&[("pfiles 812", PRINTED)]);
        let found = listening_by(&runner, [812]);
        assert_eq!(found, BTreeSet::from([Listener::Port(8123), Listener::Port(9004)]));
        assert!(listening_by(&runner, []).is_empty(), "nobody is asked for nothing");
        assert!(listening_by(&runner, [1]).is_empty(), "it is gone");
    }

    #[test]
    fn a_local_socket_is_known_by_its_path() {
        let text = PRINTED.replacen("sockname: AF_UNIX", "sockname: AF_UNIX /tmp/.s.PGSQL.5432", 1);
        assert!(parse(&text).contains(&Listener::Socket("/tmp/.s.PGSQL.5432".into())));
    }
}
