//! The host of a session: what stands where. See the script `enter`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use procfs::net::{TcpState, UnixState, tcp, tcp6, unix};
use procfs::process::{FDTarget, all_processes};

/// The datasets with their mountpoints. The product's data folder is in the first; the second is for
/// what may be kept elsewhere.
pub const DATASETS: [(&str, &str); 2] = [("tank/data", DATA), ("tank/logs", "/srv/logs")];
/// Where the first one is.
pub const DATA: &str = "/srv/data";
/// The tool's state folder.
pub const STATE: &str = "/srv/state";

/// The programs of the products that a session or a playbook starts. Each runs from the root of the
/// installed version.
const PROGRAMS: &[&str] = &[
    "mariadb",
    "mariadb-admin",
    "mariadb-binlog",
    "mariadb-check",
    "mariadb-dump",
    "mariadb-upgrade",
    "my_print_defaults",
    "redis-cli",
    "redis-check-aof",
    "redis-check-rdb",
    "redis-server",
    "pg_isready",
    "psql",
];

/// Those of PostgreSQL, of both versions.
const POSTGRESQL: [&str; 9] = [
    "initdb",
    "pg_dump",
    "pg_dumpall",
    "pg_isready",
    "pg_restore",
    "pg_ctl",
    "postgres",
    "psql",
    "vacuumdb",
];

/// The root of the previous version.
pub const OLD_ROOT: &str = "/mnt/old";

/// A program of the previous version, whichever is installed.
pub fn of_old(program: &str) -> Command {
    let mut command = Command::new("chroot");
    // Not the one of the installed version.
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").arg(OLD_ROOT).arg(program);
    command
}

/// Makes the folder that becomes /srv.
pub fn prepare(recipe: &Path, work: &Path) -> Result<()> {
    for folder in ["data", "logs", "state", "log", "etc/mysql", "etc/redis", "bin", "tmp"] {
        fs::create_dir_all(work.join(folder))?;
    }
    let scripts = ["install-version", "systemd-run", "systemctl", "postgresql-upgrade", "setpriv"];
    for name in scripts {
        fs::copy(recipe.join("bin").join(name), work.join("bin").join(name))?;
    }
    for name in PROGRAMS {
        fs::copy(recipe.join("bin/installed"), work.join("bin").join(name))?;
    }
    for (version, name) in ["15", "17"].iter().flat_map(|v| POSTGRESQL.map(|name| (v, name))) {
        let folder = work.join("lib").join(version).join("bin");
        fs::create_dir_all(&folder)?;
        fs::copy(recipe.join("bin/postgresql-program"), folder.join(name))?;
    }
    fs::write(work.join("version"), "old\n")?;
    // What the steps see as the host's root: its processes.
    fs::create_dir_all(work.join("root"))?;
    std::os::unix::fs::symlink("/proc", work.join("root/proc"))?;
    Ok(())
}

/// Runs a command with this input to its end, and returns what it printed.
///
/// # Errors
/// When it fails. The error has the end of what it said.
pub fn run(command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
    let (output, status, said) = attempt(command, input)?;
    if status.success() {
        return Ok(output);
    }
    let from = said.len().saturating_sub(2000);
    let from = (from..said.len()).find(|at| said.is_char_boundary(*at)).unwrap_or(from);
    bail!("{command:?}: {status}: {}", said[from..].trim())
}

/// The same: what it printed, how it ended, and what it said.
pub fn attempt(command: &mut Command, input: &[u8]) -> Result<(Vec<u8>, ExitStatus, String)> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let mut stdin = child.stdin.take().context("a pipe")?;
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            // It may end before it has read everything.
            let _ = stdin.write_all(input);
        });
        child.wait_with_output()
    })?;
    Ok((output.stdout, output.status, String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Waits until it succeeds.
pub fn await_success(what: &str, within: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
    let begin = Instant::now();
    while !ready() {
        if begin.elapsed() > within {
            bail!("{what} is not ready after {} s", within.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Where processes of this name listen, but for this socket.
pub fn listening(process: &str, but: &str) -> Result<Vec<String>> {
    let mut inodes = BTreeSet::new();
    for one in all_processes()?.flatten().filter(|it| it.stat().is_ok_and(|it| it.comm == process))
    {
        inodes.extend(one.fd()?.flatten().filter_map(|open| match open.target {
            FDTarget::Socket(inode) => Some(inode),
            _ => None,
        }));
    }
    let ports = tcp()?.into_iter().chain(tcp6().unwrap_or_default());
    let ports = ports
        .filter(|it| it.state == TcpState::Listen && inodes.contains(&it.inode))
        .map(|it| it.local_address.to_string());
    let sockets = unix()?
        .into_iter()
        .filter(|it| it.state == UnixState::UNCONNECTED && inodes.contains(&it.inode))
        .filter_map(|it| it.path)
        .filter(|path| path != Path::new(but))
        .map(|path| path.display().to_string());
    Ok(ports.chain(sockets).collect())
}

/// A copy of a folder's content, without the snapshots that a dataset shows in it.
pub fn copy_content(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_name() != ".zfs" {
            run(Command::new("cp").args(["-a", "--reflink=auto"]).arg(entry.path()).arg(to), b"")?;
        }
    }
    Ok(())
}

/// Takes a folder's content elsewhere, but for the snapshots.
pub fn move_content(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_name() != ".zfs" {
            fs::rename(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
