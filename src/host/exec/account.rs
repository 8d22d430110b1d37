//! Commands that run as another user.

use std::io;
use std::os::unix::process::CommandExt as _;

/// The program that runs a command as another user; `None` where this process does it itself.
pub const AS_USER: Option<&str> = if cfg!(target_os = "linux") { Some("runuser") } else { None };

/// A user's id, and that of the group.
pub(super) type Ids = (u32, u32);

/// The words before those of a command that runs as this user.
pub(super) fn words(user: &str) -> Vec<&str> {
    AS_USER.map(|program| vec![program, "-u", user, "--"]).unwrap_or_default()
}

/// What the new process becomes before it begins, if nothing else makes it that user.
///
/// # Errors
/// When there is no such user.
pub(super) fn of(user: Option<&str>) -> io::Result<Option<Ids>> {
    user.filter(|_| AS_USER.is_none()).map(look_up).transpose()
}

fn look_up(user: &str) -> io::Result<Ids> {
    let found = nix::unistd::User::from_name(user)?;
    let found = found.ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, format!("there is no user {user}"))
    })?;
    Ok((found.uid.as_raw(), found.gid.as_raw()))
}

/// The process will be that user, in no group but the first.
pub(super) fn become_of(process: &mut std::process::Command, ids: Option<Ids>) {
    if let Some((user, group)) = ids {
        process.uid(user).gid(group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test of what starts processes")]
    fn another_user_without_a_program_for_it() {
        assert_eq!(look_up("root").unwrap(), (0, 0));
        assert_eq!(look_up("no-such-user").unwrap_err().kind(), io::ErrorKind::NotFound);
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let mut process = std::process::Command::new("sh");
        process.args(["-c", "id -u; id -g; id -G"]);
        become_of(&mut process, Some((65_534, 65_533)));
        let printed = process.output().unwrap().stdout;
        assert_eq!(String::from_utf8(printed).unwrap(), "65534\n65533\n65533\n");
    }
}
