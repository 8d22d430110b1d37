//! The small product answers the commands of the test playbook in place of real processes.

use std::fs;
use std::path::Path;

use super::host::{DATA, INDEX, LOG, Mode, Stops};
use super::product::Product;
use crate::host::exec::{Command, ExecError, Printed};
use crate::host::failpoint::testing::tick;

fn failed(command: &Command, why: &str) -> ExecError {
    ExecError::Failed {
        command: command.to_string(),
        status: "exit status: 1".into(),
        code: Some(1),
        stderr: why.into(),
        stdout: String::new(),
    }
}

impl Product {
    pub(super) fn answer(&self, command: &Command) -> Option<Result<Printed, ExecError>> {
        let words = command.stages.first()?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let verb = match words.as_slice() {
            ["app", verb, ..] => *verb,
            ["systemctl", verb, ..] => {
                if !self.host().has_unit {
                    self.host().faults.push(format!("{command}, and there are no units"));
                }
                *verb
            }
            ["cp", .., from, to] => {
                let copied = fs::copy(from, to).map(|_| Printed::default());
                return Some(copied.map_err(|error| failed(command, &error.to_string())));
            }
            _ => return None,
        };
        let silent = matches!(
            verb,
            "version" | "position" | "ready" | "mready" | "show" | "verify" | "held"
        ) || matches!(verb, "s-ready" | "s-position" | "s-source" | "s-watch");
        if !silent && tick(&format!("command {verb} before"), true) {
            return Some(Err(failed(command, "struck")));
        }
        let result = self.run(command, &words).map_err(|why| failed(command, &why));
        if !silent && result.is_ok() && tick(&format!("command {verb} after"), true) {
            return Some(Err(failed(command, "struck")));
        }
        Some(result.map(|stdout| Printed { stdout, stderr: String::new() }))
    }

    /// A package command: in its middle one package of two is of the other version.
    fn packages(&self, verb: &str, version: Option<&str>) -> Result<(), String> {
        if self.host().mode != Mode::Down && !self.host().beside.serving {
            self.host().faults.push(format!("{verb} while the service runs"));
        }
        if !self.host().whole() {
            self.host().faults.push(format!("{verb} without the data"));
        }
        let (there, refuses) = {
            let host = self.host();
            (host.installed.is_some(), host.strict && !host.broken)
        };
        if refuses && there != matches!(verb, "uninstall" | "upgrade") {
            return Err(format!(
                "{verb}: {}",
                if there { "it is installed" } else { "nothing is installed" }
            ));
        }
        self.host().broken = true;
        if tick(&format!("command {verb} one of two"), true) {
            return Err("struck".into());
        }
        self.host().installed = version.map(str::to_owned);
        if tick(&format!("command {verb} main one of two"), true) {
            return Err("struck".into());
        }
        self.host().broken = false;
        Ok(())
    }

    /// Stops at what it rejects, or passes over it: names it in the file if it can go on from a
    /// position, and in its output otherwise.
    fn restore(&self, folder: &str, rest: &[&str], past: Option<&Path>) -> Result<String, String> {
        let state = if self.host().loads { Mode::Down } else { Mode::Maintenance };
        if self.host().mode != state {
            return Err("it does not run, or runs".into());
        }
        let text = fs::read_to_string(Path::new(folder).join("operations"))
            .map_err(|error| error.to_string())?;
        let mut lines = text.lines();
        let base: usize = lines.next().ok_or("empty")?.parse().map_err(|_| "no number")?;
        let skip = match rest {
            [position] => position.parse::<usize>().map_err(|_| "no position")? - base,
            _ => 0,
        };
        let mut said = String::new();
        for operation in lines.take_while(|line| *line != "end").skip(skip) {
            let verb = if past.is_some() { "past" } else { "restore" };
            if tick(&format!("command {verb} {operation}"), true) {
                return Err("struck".into());
            }
            let rejected = self.host().rejects.iter().any(|reject| reject == operation);
            match past {
                _ if !rejected => self.host().apply(operation),
                None => return Err(format!("rejected {operation}")),
                Some(file) if !rest.is_empty() => {
                    use std::io::Write;
                    let mut file = fs::OpenOptions::new()
                        .append(true)
                        .open(file)
                        .map_err(|error| error.to_string())?;
                    writeln!(file, "rejected {operation}").map_err(|error| error.to_string())?;
                    if tick(&format!("command past named {operation}"), true) {
                        return Err("struck".into());
                    }
                    self.host().write(LOG, "nothing");
                }
                Some(_) => said += &format!("rejected {operation}\n"),
            }
        }
        Ok(said)
    }

    fn run(&self, command: &Command, words: &[&str]) -> Result<String, String> {
        if let Some(answer) = self.beside(command, words) {
            return answer;
        }
        let ok = Ok(String::new());
        if self.host().on_clone.is_some()
            && !matches!(words, ["systemctl", ..])
            && !matches!(words, ["app", "mready" | "mstop" | "write-odd" | "version" | "stop", ..])
        {
            self.host().faults.push(format!("{words:?} on clones"));
        }
        match words {
            ["systemctl", "show", .., "app.socket"] => {
                let up = self.host().socket.expect("asked only where there is one");
                let active = if up { "active" } else { "inactive" };
                Ok(format!("LoadState=loaded\nActiveState={active}\n"))
            }
            ["systemctl", verb @ ("start" | "stop"), .., "app.socket"] => {
                let mut host = self.host();
                if *verb == "start" && host.mode == Mode::Open {
                    return Err("Socket service app.service already active, refusing.".into());
                }
                host.socket = Some(*verb == "start");
                ok
            }
            ["systemctl", "show", ..] => {
                let host = self.host();
                let trigger = if host.socket.is_some() { "TriggeredBy=app.socket\n" } else { "" };
                let open = host.mode == Mode::Open && !host.beside.serving;
                let active = if open { "active" } else { "inactive" };
                let load = if host.masked { "masked" } else { "loaded" };
                let (active, sub) = if host.stops == Stops::Refused {
                    ("deactivating", "stop-sigterm")
                } else {
                    (active, "")
                };
                Ok(format!(
                    "LoadState={load}\nActiveState={active}\nSubState={sub}\nKillSignal=15\n\
                     {trigger}"
                ))
            }
            ["systemctl", "mask", ..] => {
                self.host().masked = true;
                ok
            }
            ["systemctl", "daemon-reload"] => Ok(String::new()),
            ["systemctl", "unmask", ..] => {
                self.host().masked = false;
                ok
            }
            ["systemctl", "kill", "--kill-who=main", "--signal=TERM", ..] => {
                self.host().stops = Stops::Obeys;
                self.host().stop();
                ok
            }
            ["systemctl", "stop", ..] if self.host().stops != Stops::Obeys => {
                self.host().stops = Stops::Refused;
                Err("it does not stop".into())
            }
            ["systemctl" | "app", "stop", ..] => {
                let open = self.host().mode == Mode::Open && !self.host().beside.serving;
                if open {
                    self.host().stop();
                }
                ok
            }
            ["systemctl" | "app", "start", ..] => {
                self.host().start(Mode::Open).map(|()| String::new())
            }
            ["app", "mstart"] => self.host().start(Mode::Maintenance).map(|()| String::new()),
            ["app", "mstart-upgraded", root] => {
                self.host().start_on_clone(root).map(|()| String::new())
            }
            ["app", "mstop"] => {
                if self.host().mode == Mode::Maintenance {
                    self.host().stop();
                }
                ok
            }
            ["app", "ready"] => {
                if self.host().mode == Mode::Open {
                    ok
                } else {
                    Err("it is closed".into())
                }
            }
            ["app", "mready"] => {
                if self.host().mode == Mode::Maintenance {
                    ok
                } else {
                    Err("it does not run".into())
                }
            }
            ["app", "version"] => self
                .host()
                .installed
                .as_ref()
                .map(|version| format!("installed {version}\n"))
                .ok_or_else(|| "none".into()),
            ["app", "rotate" | "repair"] => ok,
            ["app", verb @ ("hold" | "let-through")] => {
                self.host().held = Some(*verb == "hold");
                ok
            }
            ["app", "held"] => match self.host().held {
                Some(true) => ok,
                _ => Err("they are not held".into()),
            },
            ["app", "odd"] => {
                if self.host().mode != Mode::Maintenance {
                    return Err("it does not run".into());
                }
                let all = "odd\t7\tnot in the log\neven\t9\tnot in the log\n";
                Ok(if self.host().overlooks { &all[..21] } else { all }.into())
            }
            ["app", "differing", folder] => {
                let host = self.host();
                if host.mode != Mode::Maintenance || host.installed.as_deref() != Some("1.0") {
                    return Err("version 1.0 does not run".into());
                }
                drop(host);
                let read = |name: &str| {
                    fs::read_to_string(Path::new(folder).join(name)).map_err(|e| e.to_string())
                };
                let text = read("items.missing")? + &read("items.unexpected")?;
                let kinds = ["odd", "even"]
                    .into_iter()
                    .filter(|kind| text.lines().any(|item| item.split(' ').next() == Some(kind)));
                Ok(kinds.map(|kind| format!("{kind}\t9\tdiffers\n")).collect())
            }
            ["app", "write-odd", kind, folder] => {
                let host = self.host();
                let new = host.on_clone.is_some() || host.installed.as_deref() == Some("2.0");
                if host.mode != Mode::Maintenance || !new {
                    return Err("version 2.0 does not run".into());
                }
                if host.on_clone.is_some() && host.unwritable {
                    return Err("it has no words for it".into());
                }
                let all = host.content(DATA).into_iter().filter(|item| item.starts_with(kind));
                let text: String = all.map(|item| item + "\n").collect();
                drop(host);
                let file = Path::new(folder).join("items");
                fs::write(&file, &text[..text.len() / 2]).map_err(|error| error.to_string())?;
                if tick(&format!("command write-odd {kind} half"), true) {
                    return Err("struck".into());
                }
                fs::write(&file, text).map_err(|error| error.to_string())?;
                ok
            }
            ["app", "load-odd", kind, folder] => {
                let host = self.host();
                if host.mode != Mode::Maintenance || host.installed.as_deref() != Some("1.0") {
                    return Err("version 1.0 does not run".into());
                }
                if host.unloadable && *kind == "even" {
                    return Err("it has no words for it".into());
                }
                drop(host);
                self.host().odd(kind, &[]);
                if tick(&format!("command load-odd {kind} half"), true) {
                    return Err("struck".into());
                }
                let text = fs::read_to_string(Path::new(folder).join("items"))
                    .map_err(|error| error.to_string())?;
                let items: Vec<String> = text.lines().map(str::to_owned).collect();
                self.host().odd(kind, &items);
                ok
            }
            ["app", "files"] => Ok("etc/app.conf\n/etc\n/etc/gone\n".into()),
            ["app", "position"] => {
                let host = self.host();
                if host.mode != Mode::Maintenance {
                    return Err("it does not run".into());
                }
                Ok(host.content(LOG).len().to_string())
            }
            ["app", "touched", folder] => {
                let text = fs::read_to_string(Path::new(folder).join("operations"))
                    .map_err(|error| error.to_string())?;
                if self.host().forgets {
                    return Ok("*\tit forgot\n".into());
                }
                let operations = text.lines().skip(1).take_while(|line| *line != "end");
                Ok(operations
                    .filter_map(|line| line.strip_prefix(['+', '-']))
                    .map(|name| format!("{name}\n"))
                    .collect())
            }
            ["app", "position-of", file] => {
                let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
                let mut lines = text.lines();
                let old: usize = lines.next().and_then(|line| line.parse().ok()).ok_or("empty")?;
                Ok((old + lines.count() - 1).to_string())
            }
            ["app", "inventory", rest @ ..] => {
                if self.host().mode != Mode::Maintenance {
                    return Err("it does not run".into());
                }
                let mut items = self.host().items();
                if let [file] = rest {
                    let touched = fs::read_to_string(file).map_err(|error| error.to_string())?;
                    items.retain(|item| {
                        item.split_once(' ')
                            .is_some_and(|(_, name)| touched.lines().any(|it| it == name))
                    });
                }
                let text: String = items.iter().rev().map(|item| format!("{item}\n")).collect();
                fs::write(command.stdout.as_ref().ok_or("no file")?, text)
                    .map_err(|error| error.to_string())?;
                ok
            }
            ["app", "capture", folder, snapshot] => {
                let host = self.host();
                let dataset = host.dataset(LOG).ok_or("no data")?;
                let old = host
                    .engine
                    .snapshot_content(&dataset.at(snapshot).expect("a name"))
                    .map_err(|error| error.to_string())?
                    .len();
                let now = host.content(LOG);
                drop(host);
                let file = Path::new(folder).join("operations");
                let mut text = format!("{old}\n");
                text.extend(now[old..].iter().map(|operation| format!("{operation}\n")));
                fs::write(&file, &text[..text.len() / 2]).map_err(|error| error.to_string())?;
                if tick("command capture half", true) {
                    return Err("struck".into());
                }
                fs::write(&file, format!("{text}end\n")).map_err(|error| error.to_string())?;
                ok
            }
            ["app", "verify", folder] => {
                let text = fs::read_to_string(Path::new(folder).join("operations"))
                    .map_err(|error| error.to_string())?;
                if text.ends_with("\nend\n") { ok } else { Err("the capture is not whole".into()) }
            }
            ["app", "full", folder] => {
                let host = self.host();
                if host.mode != Mode::Maintenance {
                    return Err("it does not run".into());
                }
                let mut text = String::new();
                for path in [DATA, INDEX, LOG] {
                    let items =
                        host.content(path).into_iter().filter(|item| !item.starts_with("format"));
                    text.extend(items.map(|item| format!("{path}\t{item}\n")));
                }
                drop(host);
                let file = Path::new(folder).join("operations");
                fs::write(&file, &text[..text.len() / 2]).map_err(|error| error.to_string())?;
                if tick("command full half", true) {
                    return Err("struck".into());
                }
                fs::write(&file, format!("{text}end\n")).map_err(|error| error.to_string())?;
                ok
            }
            ["app", "fill", folder] => {
                if self.host().mode != Mode::Maintenance {
                    return Err("it does not run".into());
                }
                let text = fs::read_to_string(Path::new(folder).join("operations"))
                    .map_err(|error| error.to_string())?;
                for (path, item) in text.lines().filter_map(|line| line.split_once('\t')) {
                    if tick(&format!("command fill {item}"), true) {
                        return Err("struck".into());
                    }
                    self.host().write(path, item);
                }
                ok
            }
            ["app", "restore", folder, rest @ ..] => self.restore(folder, rest, None),
            ["app", "past", folder, rejects, rest @ ..] => {
                self.restore(folder, rest, Some(Path::new(rejects)))
            }
            ["app", "save"] => {
                let folder = command.cwd.as_ref().ok_or("no folder")?;
                let version = self.host().installed.clone().unwrap_or_default();
                fs::write(folder.join("app.pkg"), format!("package {version}"))
                    .map_err(|error| error.to_string())?;
                ok
            }
            ["app", verb @ ("upgrade" | "install-new")] => {
                self.packages(verb, Some("2.0"))?;
                let config = self.host().root.join("etc/app.conf");
                fs::write(config, "for version 2").map_err(|error| error.to_string())?;
                ok
            }
            ["app", "uninstall"] => self.packages("uninstall", None).map(|()| String::new()),
            ["app", "install", file] => {
                if fs::read_to_string(file).unwrap_or_default() != "package 1.0" {
                    return Err("that is no package".into());
                }
                self.packages("install", Some("1.0")).map(|()| String::new())
            }
            other => Err(format!("what is {other:?}?")),
        }
    }
}
