//! What a helper says to the service manager, and asks of it.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::product::stream::HelperError;

/// Tells the service manager that started this process, if one did, that it is ready.
///
/// # Errors
/// When it cannot be told.
pub(super) fn ready() -> Result<(), HelperError> {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let address = match path.as_bytes().strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt as _;
            SocketAddr::from_abstract_name(name)
        }
        _ => SocketAddr::from_pathname(&path),
    };
    let told = address
        .and_then(|address| UnixDatagram::unbound()?.send_to_addr(b"READY=1", &address).map(drop));
    told.map_err(|error| HelperError::Failed(format!("cannot tell that it is ready: {error}")))
}
