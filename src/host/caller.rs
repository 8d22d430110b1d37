//! Who runs this program.

use std::path::Path;

/// The effective user id, and the effective capabilities, one bit each (`capabilities(7)`).
///
/// # Errors
/// When `/proc/self/status` cannot be read, or does not say.
#[cfg(target_os = "linux")]
pub fn rights(proc: &Path) -> Result<(u32, u64), String> {
    let file = proc.join("self/status");
    let text =
        std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    // Real, effective, saved, file system.
    let uid =
        value("Uid:").and_then(|ids| ids.split_whitespace().nth(1)).and_then(|id| id.parse().ok());
    let capabilities = value("CapEff:").and_then(|bits| u64::from_str_radix(bits, 16).ok());
    uid.zip(capabilities).ok_or_else(|| format!("{}: no Uid or CapEff", file.display()))
}

/// The effective user id. There are no capabilities: root may do everything.
///
/// # Errors
/// Never.
#[cfg(not(target_os = "linux"))]
pub fn rights(_proc: &Path) -> Result<(u32, u64), String> {
    Ok((nix::unistd::geteuid().as_raw(), u64::MAX))
}
