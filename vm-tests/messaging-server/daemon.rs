//! The servers: real processes, each with its own name. `start-msg`, `stop-msg`, `msprobe`, and
//! what the servers do.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::directory::{Directory, Place, owner};
use crate::home::{Home, durable, now};
use crate::store::{FLAGS, Queued, Store, sha256};

/// Component and process, in the order of a start.
const DAEMONS: &[(&str, &str)] = &[
    ("watcher", "watcher"),
    ("ens", "enpd"),
    ("store", "stored"),
    ("purge", "impurge"),
    ("imap", "imapd"),
    ("pop", "popd"),
    ("http", "mshttpd"),
    ("dispatcher", "dispatcher"),
    ("job_controller", "job_controller"),
];
/// Components that are known and not enabled here.
const NOT_ENABLED: &[&str] = &["sched", "snmp", "mmp", "sms", "cert"];
const PATIENCE: Duration = Duration::from_secs(60);

pub fn is_daemon(name: &str) -> bool {
    DAEMONS.iter().any(|(_, daemon)| *daemon == name)
}

/// The names of all server programs.
pub fn daemons() -> impl Iterator<Item = &'static str> {
    DAEMONS.iter().map(|(_, daemon)| *daemon)
}

/// The process of that name of this installation.
fn find(home: &Home, name: &str) -> Option<Pid> {
    let dir = home.dir.to_string_lossy().into_owned();
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let comm = fs::read_to_string(entry.path().join("comm")).ok()?;
        let words = fs::read(entry.path().join("cmdline")).ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let dead = stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']));
        let ours = comm.trim_end() == name
            && words.split(|byte| *byte == 0).nth(1) == Some(dir.as_bytes());
        (ours && !dead).then(|| Pid::from_raw(pid))
    })
}

/// Refuses unless the message store runs.
pub fn needs_store(home: &Home) -> Result<()> {
    if find(home, "stored").is_none() {
        bail!("the message store is not running: start-msg store");
    }
    Ok(())
}

/// The servers of the components named; when none is, all that `components` of the configuration
/// enables (all, where it says nothing).
fn chosen(home: &Home, args: &[String]) -> Result<Vec<&'static str>> {
    let enabled = home.setting("components", "")?;
    let mut words: Vec<&str> =
        args.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    if words.is_empty() {
        words = enabled.split_whitespace().collect();
    }
    if let Some(odd) = words.iter().find(|word| {
        **word != "mta" && !NOT_ENABLED.contains(word) && !DAEMONS.iter().any(|it| it.0 == **word)
    }) {
        bail!("{odd:?} is no component");
    }
    let wanted = |component: &str| {
        words.is_empty()
            || words.contains(&component)
            || (words.contains(&"mta") && ["dispatcher", "job_controller"].contains(&component))
    };
    Ok(DAEMONS
        .iter()
        .filter(|(component, _)| wanted(component))
        .map(|(_, daemon)| *daemon)
        .collect())
}

pub fn start_msg(args: &[String]) -> Result<ExitCode> {
    let home = Home::of_this_program()?;
    let mut trouble = home.trouble("start-msg")?;
    if let Some(code) = trouble.lie("cannot start") {
        return Ok(code);
    }
    let mut names = chosen(&home, args)?;
    if !names.contains(&"watcher") {
        names.insert(0, "watcher");
    }
    update_config(&home)?;
    for name in names {
        trouble.item();
        if find(&home, name).is_some() {
            println!("{name} is running");
            continue;
        }
        start(&home, name)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The first start of a version brings the configuration to it.
fn update_config(home: &Home) -> Result<()> {
    let (file, version) = (home.config()?.join("version"), home.version()?);
    if fs::read_to_string(&file).unwrap_or_default().trim() != version {
        durable(&home.config()?.join("restricted.cnf"), format!("# for {version}\n").as_bytes())?;
        durable(&file, format!("{version}\n").as_bytes())?;
        println!("the configuration is now that of {version}");
    }
    Ok(())
}

fn start(home: &Home, name: &str) -> Result<()> {
    let (ready, log) = (home.proc(&format!("{name}.pid"))?, home.log()?.join(name));
    let _ = fs::remove_file(&ready);
    let output = File::options()
        .create(true)
        .append(true)
        .open(&log)
        .with_context(|| format!("cannot open {}", log.display()))?;
    let mut child = Command::new(home.dir.join("lib").join(name))
        .arg(&home.dir)
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let begin = Instant::now();
    while fs::read_to_string(&ready).unwrap_or_default() != child.id().to_string() {
        if child.try_wait()?.is_some() || begin.elapsed() > PATIENCE {
            let said = fs::read_to_string(&log).unwrap_or_default();
            bail!("{name} did not start: {}", said.lines().last().unwrap_or("it said nothing"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("{name} started");
    Ok(())
}

pub fn stop_msg(args: &[String]) -> Result<ExitCode> {
    let home = Home::of_this_program()?;
    let mut trouble = home.trouble("stop-msg")?;
    if let Some(code) = trouble.lie("cannot stop") {
        return Ok(code);
    }
    let signal = if crate::flag(args, "-f") { Signal::SIGKILL } else { Signal::SIGTERM };
    // The watcher runs whatever else is enabled.
    let named = args.iter().any(|word| !word.starts_with('-'));
    let names = if named { chosen(&home, args)? } else { daemons().collect() };
    stop(&home, &names, signal, || trouble.item())?;
    Ok(ExitCode::SUCCESS)
}

/// Stops all servers of an installation.
pub fn stop_all(home: &Home) -> Result<()> {
    stop(home, &daemons().collect::<Vec<_>>(), Signal::SIGTERM, || ())
}

fn stop(home: &Home, names: &[&str], signal: Signal, mut done: impl FnMut()) -> Result<()> {
    for name in names.iter().rev() {
        done();
        let begin = Instant::now();
        while let Some(pid) = find(home, name) {
            if begin.elapsed() > PATIENCE {
                bail!("{name} does not stop");
            }
            let _ = kill(pid, signal);
            std::thread::sleep(Duration::from_millis(20));
        }
        println!("{name} is stopped");
    }
    Ok(())
}

/// Says which servers run, and starts again what ended without being stopped.
pub fn msprobe() -> Result<ExitCode> {
    let home = Home::of_this_program()?;
    for name in daemons() {
        if find(&home, name).is_none() {
            println!("{name} is down: restarting");
            start(&home, name)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A server's life.
pub fn serve(name: &str) -> Result<ExitCode> {
    let home = Home::at(std::env::args().nth(1).context("a server is started by start-msg")?);
    let _held = match name {
        "stored" => Some(open_store(&home)?),
        _ => None,
    };
    let listener = match name {
        "imapd" | "dispatcher" => Some(listen(&home.proc(&format!("{name}.sock"))?)?),
        _ => None,
    };
    fs::write(home.proc(&format!("{name}.pid"))?, std::process::id().to_string())?;
    if let Some(listener) = listener {
        for stream in listener.incoming() {
            let answered =
                stream.map_err(Into::into).and_then(|stream| answer(&home, name, &stream));
            if let Err(error) = answered {
                eprintln!("{name}: {error:#}");
            }
        }
    }
    loop {
        if name == "job_controller" {
            if let Err(error) = drain(&home) {
                eprintln!("{name}: {error:#}");
            }
            std::thread::sleep(Duration::from_millis(300));
        } else {
            std::thread::sleep(Duration::from_secs(3600));
        }
    }
}

/// One `stored` for a store; it brings the mailbox list to its version and keeps it open.
fn open_store(home: &Home) -> Result<(Flock<File>, File)> {
    let file =
        File::options().create(true).truncate(false).write(true).open(home.proc("stored.lock")?)?;
    let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|_| anyhow::anyhow!("another stored runs on this store"))?;
    let store = Store::lock(home)?;
    store.convert_list()?;
    Ok((lock, File::open(store.list_file())?))
}

fn listen(socket: &Path) -> Result<UnixListener> {
    let _ = fs::remove_file(socket);
    UnixListener::bind(socket).with_context(|| format!("cannot listen on {}", socket.display()))
}

/// One question, one answer; what is answered with `ok` is on the disk.
fn answer(home: &Home, name: &str, stream: &UnixStream) -> Result<()> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let question: Value = serde_json::from_str(&line)?;
    let result = if name == "imapd" { imap(home, &question) } else { submit(home, &question) };
    let said = match result {
        Ok(value) => json!({ "ok": value }),
        Err(error) => json!({ "error": format!("{error:#}") }),
    };
    let mut stream = stream;
    writeln!(stream, "{said}")?;
    Ok(())
}

/// A message from outside.
fn submit(home: &Home, question: &Value) -> Result<Value> {
    let message: Queued = serde_json::from_value(question.clone())?;
    Store::lock(home)?.enqueue(&message)?;
    Ok(Value::Null)
}

/// What users do.
fn imap(home: &Home, question: &Value) -> Result<Value> {
    needs_store(home)?;
    let text =
        |key: &str| question[key].as_str().with_context(|| format!("no {key} in the question"));
    let store = Store::lock(home)?;
    let directory = Directory::of(home)?;
    let served = |mailbox: &str| {
        Ok::<_, anyhow::Error>(match &directory {
            Some(directory) => directory.place(owner(mailbox))? == Place::Here,
            None => true,
        })
    };
    if text("do")? == "list" {
        let mut all = Vec::new();
        for name in store.list()? {
            if !served(&name)? {
                continue;
            }
            let mailbox = store.load(&name)?;
            for message in mailbox.messages {
                let body = sha256(store.body(&name, message.uid)?.as_bytes());
                all.push(json!({ "mailbox": name, "id": message.id, "flags": message.flags, "sha256": body }));
            }
        }
        return Ok(Value::Array(all));
    }
    let (name, id) = (text("mailbox")?, text("id")?);
    if !served(name)? {
        bail!("{} is on hold, or on another host", owner(name));
    }
    let mut mailbox = store.load(name)?;
    let found = mailbox
        .messages
        .iter()
        .position(|message| message.id == id)
        .with_context(|| format!("{name} has no message {id}"))?;
    match text("do")? {
        "flag" => {
            let flag = text("flag")?;
            if !FLAGS.contains(&flag) {
                bail!("{flag:?} is no flag");
            }
            let message = &mut mailbox.messages[found];
            if question["set"] == json!(true) {
                message.flags.insert(flag.to_owned())
            } else {
                message.flags.remove(flag)
            };
            message.changed = now();
            store.save(&mailbox)?;
        }
        "move" => {
            let target = text("to")?;
            store.create(target)?;
            let (message, body) =
                (mailbox.messages[found].clone(), store.body(name, mailbox.messages[found].uid)?);
            let mut other = store.load(target)?;
            store.append(&mut other, &message.id, message.internal, message.flags, &body)?;
            store.expunge(&mut mailbox, |it| it.uid == message.uid)?;
        }
        "delete" => {
            store.expunge(&mut mailbox, |it| it.id == id)?;
        }
        other => bail!("imapd cannot {other}"),
    }
    Ok(Value::Null)
}

/// Brings what is in the queue into the store, while that runs.
fn drain(home: &Home) -> Result<()> {
    if find(home, "stored").is_none() {
        return Ok(());
    }
    let waiting = Store::lock(home)?.queue()?;
    let directory = Directory::of(home)?;
    for message in &waiting {
        // Asked under the lock: whoever comes to be on hold after that finds the message delivered.
        let store = Store::lock(home)?;
        match directory
            .as_ref()
            .map_or(Ok(Place::Here), |directory| directory.place(&message.to))?
        {
            Place::Here => store.deliver(message)?,
            Place::Held => {}
            Place::There(host) => {
                drop(store);
                let peer = Home::at(home.setting(&format!("peer.{host}"), "")?);
                ask(&peer, "dispatcher", &serde_json::to_value(message)?)
                    .with_context(|| format!("{host} does not take mail"))?;
                Store::lock(home)?.dequeue(&message.id)?;
            }
        }
    }
    Ok(())
}

/// Asks a server. An error that begins with `unsure` leaves open whether it did what was asked.
pub fn ask(home: &Home, server: &str, question: &Value) -> Result<Value> {
    let mut stream = UnixStream::connect(home.proc(&format!("{server}.sock"))?)
        .with_context(|| format!("{server} does not answer"))?;
    let mut line = String::new();
    let sent =
        writeln!(stream, "{question}").and_then(|()| BufReader::new(&stream).read_line(&mut line));
    if sent.is_err() || !line.ends_with('\n') {
        bail!("unsure: {server} broke off");
    }
    let answer: Value = serde_json::from_str(&line)?;
    match answer["error"].as_str() {
        Some(error) => bail!("{error}"),
        None => Ok(answer["ok"].clone()),
    }
}
