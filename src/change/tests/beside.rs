//! One version of the small product beside the other: on clones, fed with the log; and its programs
//! in a private root, from which it serves.

use std::fs;
use std::path::Path;

use super::host::{DATA, Host, LOG, Mode};
use super::product::Product;
use crate::host::exec::Command;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// It runs on the data below this folder.
    pub root: Option<String>,
    /// It is fed; the files of the feed are here.
    pub feed: Option<String>,
    /// The feed brings nothing.
    pub stuck: bool,
    /// The feed can never go on.
    pub lost: bool,
    /// The clients of the version that serves cannot write.
    pub refused: bool,
    /// What 2.0 had for a standby was taken back.
    pub forgotten: bool,
    /// The other version serves from its private root.
    pub serving: bool,
    /// It does not start there.
    pub shut: bool,
    /// What the feed brings is not what was written.
    pub mangles: bool,
    /// What is written cannot be told.
    pub untold: bool,
    /// Seconds.
    pub clock: u64,
    /// Seconds that a drain takes.
    pub slow: u64,
}

impl Beside {
    /// All of it is gone.
    pub(super) fn boot(&mut self) {
        self.root = None;
        self.feed = None;
        self.refused = false;
        self.serving = false;
    }

    /// The standby knows its data by the path of the service's data.
    pub(super) fn process(&self, root: &Path) {
        let folder = root.join("proc/4244");
        if self.root.is_none() {
            let _ = fs::remove_dir_all(&folder);
            return;
        }
        fs::create_dir_all(folder.join("fd")).expect("folder");
        let stat = "4244 (appd) S 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 12300 1 1 0 0 0 0 0 0 0 0 \
                    0 0 0 0 0\n";
        for (name, text) in [
            ("stat", stat),
            ("comm", "appd\n"),
            ("maps", ""),
            ("cgroup", "0::/system.slice/backout-standby-app.service\n"),
        ] {
            fs::write(folder.join(name), text).expect("written");
        }
        let _ = std::os::unix::fs::symlink("/srv/app/items", folder.join("fd/3"));
    }
}

impl Host {
    /// The same on the data of the standby.
    pub(super) fn on_standby<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> Result<T, String> {
        let root = self.beside.root.clone().ok_or("the standby does not run")?;
        let before = self.on_clone.replace(root);
        let done = work(self);
        self.on_clone = before;
        Ok(done)
    }

    /// What is installed serves.
    fn is_open(&self) -> Result<(), String> {
        let open = self.mode == Mode::Open && !self.beside.serving;
        if open { Ok(()) } else { Err("the service does not run".into()) }
    }

    /// What was written comes to the standby.
    fn feed(&mut self, operations: &[String]) -> Result<(), String> {
        let (feed, mangles) = (self.beside.feed.clone(), self.beside.mangles);
        self.on_standby(|host| {
            let have = host.content(LOG).len();
            for operation in operations.iter().skip(have) {
                let bring = if mangles { "+mangled" } else { operation };
                host.apply(bring);
                let Some(folder) = &feed else { continue };
                use std::io::Write;
                let names = Path::new(folder).join("names");
                let file = fs::OpenOptions::new().create(true).append(true).open(names);
                writeln!(file.expect("opened"), "{}", &operation[1..]).expect("written");
            }
        })
    }

    /// The feed does what it does all the time.
    fn pump(&mut self) {
        let runs = self.beside.feed.is_some() && !self.beside.stuck && !self.beside.lost;
        if runs && self.is_open().is_ok() {
            let operations = self.content(LOG);
            let _ = self.feed(&operations);
        }
    }

    fn standby_position(&mut self) -> Result<usize, String> {
        self.on_standby(|host| host.content(LOG).len())
    }
}

impl Product {
    /// The commands of `standby`, if it is one of them.
    pub(super) fn beside(
        &self,
        command: &Command,
        words: &[&str],
    ) -> Option<Result<String, String>> {
        let ["app", verb, rest @ ..] = words else { return None };
        if !verb.starts_with("s-") {
            return None;
        }
        let ok = Ok(String::new());
        let mut guard = self.host();
        let host = &mut *guard;
        host.pump();
        Some(match (*verb, rest) {
            ("s-start", [root, programs]) => {
                if host.beside.root.is_some() {
                    return Some(Err("it runs already".into()));
                }
                host.beside.root = Some((*root).to_owned());
                let found = host.on_standby(|host| {
                    (host.whole(), host.content(DATA).contains(&"format 2".to_owned()))
                });
                host.process();
                match found {
                    Ok((true, new)) if new == is_new(programs) => ok,
                    Ok((whole, _)) => {
                        host.beside.root = None;
                        host.process();
                        host.faults.push(format!("a standby on its data: whole is {whole}"));
                        Err("it does not start".into())
                    }
                    Err(error) => Err(error),
                }
            }
            ("s-stop", []) => {
                host.beside.root = None;
                host.process();
                ok
            }
            ("s-ready", []) => host.standby_position().map(|_| String::new()),
            ("s-feed", [folder]) => {
                host.beside.feed = Some((*folder).to_owned());
                ok
            }
            ("s-feed-stop", []) => {
                host.beside.feed = None;
                ok
            }
            ("s-watch", []) if host.beside.lost => Err("the log was purged".into()),
            ("s-watch", []) => ok,
            ("s-position", []) => host.standby_position().map(|at| at.to_string()),
            ("s-source", []) => host.is_open().map(|()| host.content(LOG).len().to_string()),
            ("s-lag", []) => host.standby_position().map(|at| {
                let behind = host.content(LOG).len() as u64 - at as u64;
                format!("{} {behind}", 3 * behind)
            }),
            ("s-refuse", []) => host.is_open().map(|()| {
                host.beside.refused = true;
                host.refuses();
                String::new()
            }),
            ("s-allow", []) => {
                host.beside.refused = false;
                ok
            }
            ("s-drain", [goal]) => {
                host.beside.clock += host.beside.slow;
                match host.standby_position() {
                    Ok(at) if at.to_string() == *goal => ok,
                    Ok(at) => Err(format!("it has come to {at}, not to {goal}")),
                    Err(error) => Err(error),
                }
            }
            ("s-settle", []) => host.is_open().and_then(|()| {
                let all = host.content(DATA);
                host.on_standby(|host| {
                    for kind in ["odd", "even"] {
                        let some: Vec<String> =
                            all.iter().filter(|item| item.starts_with(kind)).cloned().collect();
                        host.odd(kind, &some);
                    }
                    String::new()
                })
            }),
            ("s-forget", []) => host.is_open().map(|()| {
                host.beside.forgotten = true;
                String::new()
            }),
            ("s-end", []) => {
                host.stop();
                if host.has_unit && !host.masked {
                    host.faults.push("systemd started it again".into());
                }
                ok
            }
            ("s-rest", [position]) => {
                if host.mode != Mode::Down {
                    return Some(Err("the service runs".into()));
                }
                let operations = host.content(LOG);
                match host.standby_position() {
                    Ok(at) if at.to_string() == *position => {
                        host.feed(&operations).map(|()| String::new())
                    }
                    Ok(at) => Err(format!("it has come to {at}, not to {position}")),
                    Err(error) => Err(error),
                }
            }
            ("s-serve", [programs]) => serve(host, is_new(programs)),
            ("s-serve-stop", []) => {
                if host.beside.serving {
                    host.stop();
                }
                ok
            }
            ("s-fed", [folder]) => {
                Ok(fs::read_to_string(Path::new(folder).join("names")).unwrap_or_default())
            }
            ("s-mark" | "s-since", _) if host.beside.untold => Ok("* there is no log".into()),
            ("s-mark", []) => host.standby_position().map(|at| at.to_string()),
            // Of `odd` and `even`, nobody knows what was written.
            ("s-since", [mark]) => host.is_open().map(|()| {
                let mark = mark.parse().expect("a position");
                let names = host.content(LOG).into_iter().skip(mark);
                let names = names.map(|operation| operation[1..].to_owned());
                names.chain(["=odd".into(), "=even".into()]).map(|name| name + "\n").collect()
            }),
            ("s-inventory", [at, rest @ ..]) => {
                let items = match *at {
                    "mine" if host.mode == Mode::Maintenance => Ok(host.items()),
                    "open" => host.is_open().map(|()| host.items()),
                    "standby" => host.on_standby(|host| host.items()),
                    _ => Err("it does not run".into()),
                };
                items.and_then(|items| listed(command, items, rest))
            }
            _ => return None,
        })
    }
}

/// Whether these programs are those of version 2.0.
fn is_new(programs: &str) -> bool {
    programs.contains("upgraded-programs")
}

fn serve(host: &mut Host, new: bool) -> Result<String, String> {
    if host.mode != Mode::Down {
        return Err("it runs already".into());
    }
    if host.beside.shut {
        return Err("it crashes".into());
    }
    if !host.whole() {
        host.faults.push("it serves without all of its data".into());
    }
    if host.content(DATA).contains(&"format 2".to_owned()) != new {
        return Err("the data is of another version".into());
    }
    let config = fs::read_to_string(host.root.join("etc/app.conf")).unwrap_or_default();
    if config != if new { "for version 2" } else { "for version 1" } {
        host.faults.push("it serves with another configuration".into());
    }
    host.mode = Mode::Open;
    host.beside.serving = true;
    host.process();
    Ok(String::new())
}

/// Words that stand for all items of a kind.
const WHOLE: [&str; 2] = ["odd", "even"];

fn listed(command: &Command, mut items: Vec<String>, rest: &[&str]) -> Result<String, String> {
    let (named, rest) = match rest {
        ["--named", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut more = Vec::new();
    if let [file] = rest {
        let touched = fs::read_to_string(file).map_err(|error| error.to_string())?;
        let has = |name: &str| touched.lines().any(|it| it == name);
        let since = touched.lines().any(|it| it.starts_with('='));
        items.retain(|item| {
            let (kind, name) = item.split_once(' ').expect("an item");
            if since && WHOLE.contains(&kind) { has(&format!("={kind}")) } else { has(name) }
        });
        let gone = |name: &str| !items.iter().any(|item| item.split_once(' ').unwrap().1 == name);
        if since {
            more.extend(touched.lines().map(|line| match line.strip_prefix('=') {
                Some(kind) => format!("{kind}\t*"),
                None if gone(line) => format!("{line}\tgone"),
                None => String::new(),
            }));
            more.retain(|line| !line.is_empty());
        }
    }
    if named {
        let told = |item: &String| {
            let (kind, name) = item.split_once(' ').expect("an item");
            if WHOLE.contains(&kind) {
                format!("{kind}\t{name}")
            } else {
                format!("{name}\t{kind}")
            }
        };
        items = items.iter().map(told).collect();
    }
    items.extend(more);
    let text: String = items.iter().rev().map(|item| format!("{item}\n")).collect();
    let file = command.stdout.as_ref().ok_or("no file")?;
    fs::write(file, text).map_err(|error| error.to_string())?;
    Ok(String::new())
}
