//! Asks the running server, by what its configuration file says: by its socket, its port, or its
//! TLS port.

use std::path::{Path, PathBuf};

use super::config;
use crate::product::script::become_program;
use crate::product::stream::{HelperError, Streams};

const USAGE: &str = "redis-ask --config FILE [--port PORT] [--user USER] WORD...";

/// Becomes `redis-cli`, with what it needs to reach the server.
///
/// # Errors
/// When the configuration file cannot be read, or names no way to the server.
pub(in crate::product) fn ask(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let (mut config, mut port, mut user) = (None, None, None);
    let mut rest = arguments;
    let words = loop {
        rest = match rest {
            [name, value, others @ ..] if name.starts_with("--") => {
                let place = match name.as_str() {
                    "--config" => &mut config,
                    "--port" => &mut port,
                    "--user" => &mut user,
                    _ => return Err(HelperError::usage(USAGE)),
                };
                *place = Some(value.clone()).filter(|value| !value.is_empty());
                others
            }
            words => break words,
        }
    };
    let (Some(config), false) = (config, words.is_empty()) else {
        return Err(HelperError::usage(USAGE));
    };
    let config = PathBuf::from(config);
    let way = way(&config::read(&config)?, port.as_deref()).ok_or_else(|| {
        HelperError::Failed(format!(
            "{} switches all ports off (`port 0`) and names no socket: add `unixsocket`",
            config.display()
        ))
    })?;
    let user = user.map(|user| vec!["--user".to_owned(), user]).unwrap_or_default();
    let all = [vec!["-e".to_owned()], way, user, words.to_vec()].concat();
    Err(become_program("redis-cli", all))
}

/// The options of `redis-cli` that reach the server; `None` if nothing does.
fn way(settings: &[Vec<String>], port: Option<&str>) -> Option<Vec<String>> {
    let value = |name: &str| {
        let value = config::last(settings, name).and_then(|values| values.first());
        value.cloned().filter(|value| !value.is_empty())
    };
    let options = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let host = host(config::last(settings, "bind").unwrap_or_default());
    if let Some(port) = port {
        return Some(options(&["-h", &host, "-p", port]));
    }
    if let Some(socket) = value("unixsocket") {
        return Some(options(&["-s", &socket]));
    }
    let port = value("port").unwrap_or_else(|| "6379".to_owned());
    if port != "0" {
        return Some(options(&["-h", &host, "-p", &port]));
    }
    let port = value("tls-port").filter(|port| port != "0")?;
    let mut all = options(&["-h", &host, "-p", &port, "--tls"]);
    let authority = [("tls-ca-cert-file", "--cacert"), ("tls-ca-cert-dir", "--cacertdir")];
    let known: Vec<String> = authority
        .into_iter()
        .filter_map(|(name, option)| Some([option.to_owned(), value(name)?]))
        .flatten()
        .collect();
    // On this host; nothing says who signed the certificate.
    all.extend(if known.is_empty() { options(&["--insecure"]) } else { known });
    // The server asks its clients for a certificate, unless it is told not to. Its own is one.
    let own = |name: &str| value(&format!("tls-client-{name}")).or(value(&format!("tls-{name}")));
    if let (Some(certificate), Some(key)) = (own("cert-file"), own("key-file")) {
        all.extend(options(&["--cert", &certificate, "--key", &key]));
    }
    Some(all)
}

/// Where the server with this configuration file is reached without TLS: the path of its socket, or
/// `HOST:PORT`. A port that is not empty is used in place of the file's.
///
/// # Errors
/// When the file cannot be read, or names no such way.
pub(super) fn address_in(config: &Path, port: &str) -> Result<PathBuf, HelperError> {
    let found = address(&config::read(config)?, Some(port).filter(|port| !port.is_empty()));
    found.map(PathBuf::from).ok_or_else(|| {
        HelperError::Failed(format!(
            "{} opens neither a socket nor a port without TLS, and a standby needs one: add \
             `unixsocket`, and restart the server",
            config.display()
        ))
    })
}

fn address(settings: &[Vec<String>], port: Option<&str>) -> Option<String> {
    match way(settings, port)?.as_slice() {
        [option, socket] if option == "-s" => Some(socket.clone()),
        [_, host, _, port] if host.contains(':') => Some(format!("[{host}]:{port}")),
        [_, host, _, port] => Some(format!("{host}:{port}")),
        _ => None,
    }
}

/// An address of this host that the server listens on: a loopback address, if there is one.
fn host(bind: &[String]) -> String {
    let address = |word: &String| match word.trim_start_matches('-') {
        "*" | "0.0.0.0" => "127.0.0.1".to_owned(),
        "::*" | "::" => "::1".to_owned(),
        other => other.to_owned(),
    };
    let all: Vec<String> = bind.iter().filter(|word| !word.is_empty()).map(address).collect();
    let local = |address: &&String| address.starts_with("127.") || *address == "::1";
    all.iter().find(local).or(all.first()).cloned().unwrap_or_else(|| "127.0.0.1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, port: Option<&str>) -> Option<String> {
        let settings: Vec<Vec<String>> =
            text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect();
        way(&settings, port).map(|words| words.join(" "))
    }

    #[test]
    fn a_server_is_reached_as_its_configuration_says() {
        for (text, way) in [
            ("", "-h 127.0.0.1 -p 6379"),
            ("bind 127.0.0.1 -::1\nport 6380", "-h 127.0.0.1 -p 6380"),
            ("bind 10.0.0.7", "-h 10.0.0.7 -p 6379"),
            ("bind 10.0.0.7 127.0.0.1", "-h 127.0.0.1 -p 6379"),
            ("bind * -::*", "-h 127.0.0.1 -p 6379"),
            ("bind -::*", "-h ::1 -p 6379"),
            ("port 0\nunixsocket /run/redis/s", "-s /run/redis/s"),
            ("unixsocket /run/redis/s", "-s /run/redis/s"),
            (
                "port 0\ntls-port 6379\ntls-cert-file c\ntls-key-file k\ntls-ca-cert-file a",
                "-h 127.0.0.1 -p 6379 --tls --cacert a --cert c --key k",
            ),
            (
                "port 0\ntls-port 6379\ntls-cert-file c\ntls-key-file k\ntls-auth-clients no",
                "-h 127.0.0.1 -p 6379 --tls --insecure --cert c --key k",
            ),
        ] {
            assert_eq!(found(text, None).as_deref(), Some(way), "{text}");
        }
        assert_eq!(found("port 0", None), None);
        assert_eq!(found("unixsocket /s", Some("7")).as_deref(), Some("-h 127.0.0.1 -p 7"));
    }
}
