//! Installers and installations: `commpkg`, `configure`, `useconfig`, `ha_ip_config`; `mkinstaller`
//! makes an installer of a version.
//!
//! `MS_ROOT` stands before the default folders, so that two hosts can live on one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::daemon::{daemons, stop_all};
use crate::home::{Home, Trouble, at_least, durable, remove};
use crate::store::sha256;
use crate::{flag, operands, option};

const COMMANDS: &[&str] = &[
    "start-msg",
    "stop-msg",
    "msprobe",
    "imsbackup",
    "imsrestore",
    "imsimta",
    "imcheck",
    "mboxutil",
    "reconstruct",
    "configure",
    "useconfig",
    "ha_ip_config",
];
const LINKS: &[&str] = &["data", "config", "log"];
/// The agent for the cluster.
const AGENT: &str = "MS_SCHA";
/// What may stand in a state file.
const KEYS: &[&str] = &[
    "VERB",
    "USEPKGUPGRADE",
    "UPGRADESC",
    "PKGOVERWRITE",
    "INSTALLROOT",
    "EXCLUDESC",
    "EXCLUDEOS",
    "COMPONENT_VERSIONS",
    "COMPONENTS",
    "ALTROOT",
    "ALTDISTROPATH",
];

fn root() -> PathBuf {
    PathBuf::from(std::env::var_os("MS_ROOT").unwrap_or_else(|| "/".into()))
}

fn default_install_root() -> PathBuf {
    root().join("opt/sun/comms")
}

/// Data and configuration of an installation by default.
fn default_var() -> PathBuf {
    root().join("var/opt/sun/comms/messaging64")
}

/// What is known of an installation.
#[derive(Debug, Serialize, Deserialize)]
struct Registered {
    version: String,
    installroot: PathBuf,
    /// `installed`, or what was begun: `installing`, `removing`.
    state: String,
    /// Of the program.
    sha256: String,
}

fn registry_file(installroot: &Path) -> PathBuf {
    root()
        .join("var/opt/CommsInstaller/registry")
        .join(format!("{}.json", installroot.display().to_string().replace('/', "%")))
}

fn registered(installroot: &Path) -> Result<Option<Registered>> {
    match fs::read(registry_file(installroot)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("cannot read the registry"),
    }
}

/// A distribution: this program, its version, its checksum.
struct Distribution {
    version: String,
    program: Vec<u8>,
    sha256: String,
}

impl Distribution {
    fn here() -> Result<Self> {
        let exe = std::env::current_exe()?;
        let folder = exe.parent().context("a distribution is a folder")?;
        let text = |name: &str| {
            fs::read_to_string(folder.join(name))
                .map(|text| text.trim().to_owned())
                .with_context(|| format!("this is no distribution: no {name}"))
        };
        let (version, wanted) = (text("version")?, text("checksum")?);
        let program = fs::read(&exe)?;
        let found = sha256(&program);
        if found != wanted {
            bail!("this distribution is damaged: checksum {found}, not {wanted}");
        }
        Ok(Self { version, program, sha256: found })
    }
}

/// `mkinstaller FOLDER VERSION`.
pub fn mkinstaller(args: &[String]) -> Result<ExitCode> {
    let [folder, version] = args else { bail!("mkinstaller FOLDER VERSION") };
    let (folder, program) = (Path::new(folder), fs::read(std::env::current_exe()?)?);
    executable(&folder.join("commpkg"), &program)?;
    durable(&folder.join("version"), format!("{version}\n").as_bytes())?;
    durable(&folder.join("checksum"), format!("{}\n", sha256(&program)).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn executable(path: &Path, program: &[u8]) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    durable(path, program)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .context("cannot make it executable")
}

/// The answers: the state file's, and over them the command line's.
fn answers(verb: &str, args: &[String]) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    match option(args, "--silent") {
        None if ["install", "upgrade", "uninstall"].contains(&verb) && !flag(args, "--dry-run") => {
            bail!("there is nobody to ask: give --silent FILE, or --silent NONE for defaults");
        }
        None => {}
        Some(none) if none.eq_ignore_ascii_case("none") => {}
        Some(file) => {
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
            for line in text
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
            {
                let (key, value) = line
                    .split_once('=')
                    .with_context(|| format!("{file}: {line:?} is not KEY=VALUE"))?;
                if !KEYS.contains(&key.trim()) {
                    bail!("{file}: {key:?} is not known");
                }
                found.insert(key.trim().to_owned(), value.trim().to_owned());
            }
            // Its word for the default.
            found.retain(|_, value| !value.eq_ignore_ascii_case("none"));
        }
    }
    for (name, key) in [("--comp", "COMPONENTS"), ("--installroot", "INSTALLROOT")] {
        if let Some(value) = option(args, name) {
            found.insert(key.to_owned(), value.to_owned());
        }
    }
    if flag(args, "--altroot")
        || option(args, "--altroot").is_some()
        || found.get("ALTROOT").is_some_and(|it| !it.eq_ignore_ascii_case("no"))
    {
        bail!(
            "an alternate root is to be avoided, as the system's live upgrade uses it: install \
                side by side, with --installroot"
        );
    }
    if let Some(other) = found.get("COMPONENTS").filter(|it| *it != "MS64" && *it != AGENT) {
        bail!("there is no component {other} here");
    }
    found.insert("VERB".into(), verb.into());
    found.entry("COMPONENTS".into()).or_insert_with(|| "MS64".into());
    found
        .entry("INSTALLROOT".into())
        .or_insert_with(|| default_install_root().display().to_string());
    Ok(found)
}

pub fn commpkg(args: &[String]) -> Result<ExitCode> {
    let verb = args.first().context("commpkg install|uninstall|upgrade|info|verify")?;
    let rest = &args[1..];
    if let Some(odd) = operands(rest, &["--silent", "--comp", "--installroot", "--altroot"]).first()
    {
        bail!("{odd:?} is not understood");
    }
    let answers = answers(verb, rest)?;
    let installroot = PathBuf::from(&answers["INSTALLROOT"]);
    if answers["COMPONENTS"] == AGENT {
        return agent(verb, &installroot);
    }
    let mut trouble = Trouble::of(&default_var(), "commpkg")?;
    if let Some(code) = trouble.lie("the package database is locked") {
        return Ok(code);
    }
    match verb.as_str() {
        "info" => return info(rest),
        "verify" => return verify(&installroot),
        "install" | "uninstall" | "upgrade" => {}
        other => bail!("commpkg cannot {other}"),
    }
    let state: String = answers.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    let name = format!("silent_CommsInstaller_{}", chrono::Local::now().format("%Y%m%d%H%M%S"));
    let file = root().join("var/opt/CommsInstaller/logs").join(name);
    durable(
        &file,
        format!("# Written by commpkg {verb}; the command line overrides it.\n{state}").as_bytes(),
    )?;
    println!("state file: {}", file.display());
    if flag(rest, "--dry-run") {
        return Ok(ExitCode::SUCCESS);
    }
    match verb.as_str() {
        "install" => install(&installroot, &Distribution::here()?, &mut trouble),
        "uninstall" => uninstall(&installroot, &mut trouble),
        _ => upgrade(&installroot, &Distribution::here()?, &mut trouble),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// The agent for the cluster: on each node by itself, and not before the product.
fn agent(verb: &str, installroot: &Path) -> Result<ExitCode> {
    let file = root().join("var/opt/CommsInstaller/agent");
    match verb {
        "install" | "upgrade" => {
            let version = Distribution::here()?.version;
            let product = registered(installroot)?
                .filter(|it| it.state == "installed")
                .context("Messaging Server is not installed")?
                .version;
            if !at_least(&product, &version) {
                bail!(
                    "Messaging Server is version {product}: it is to be upgraded before its agent"
                );
            }
            durable(&file, format!("{version}\n").as_bytes())?;
            println!("{AGENT} {version} is installed");
        }
        "uninstall" => remove(&file)?,
        other => bail!("commpkg cannot {other} {AGENT}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn install(installroot: &Path, distribution: &Distribution, trouble: &mut Trouble) -> Result<()> {
    let home = installroot.join("messaging64");
    if let Some(there) = registered(installroot)?.filter(|it| it.state == "installed") {
        bail!(
            "version {} is installed in {}: upgrade or uninstall it",
            there.version,
            installroot.display()
        );
    }
    let mut entry = Registered {
        version: distribution.version.clone(),
        installroot: installroot.to_owned(),
        state: "installing".into(),
        sha256: distribution.sha256.clone(),
    };
    let register =
        |entry: &Registered| durable(&registry_file(installroot), &serde_json::to_vec(entry)?);
    register(&entry)?;
    trouble.item();
    executable(&home.join("lib/messaging_server"), &distribution.program)?;
    trouble.item();
    for name in daemons() {
        link(Path::new("messaging_server"), &home.join("lib").join(name))?;
    }
    for name in COMMANDS {
        link(Path::new("../lib/messaging_server"), &home.join("bin").join(name))?;
    }
    if *installroot == default_install_root() && default_var().is_dir() {
        for name in LINKS.iter().filter(|name| !home.join(name).exists()) {
            link(&default_var().join(name), &home.join(name))?;
        }
    }
    trouble.item();
    durable(&home.join("lib/version"), format!("{}\n", distribution.version).as_bytes())?;
    entry.state = "installed".into();
    register(&entry)?;
    println!("version {} is installed in {}", distribution.version, installroot.display());
    Ok(())
}

/// A symbolic link, whatever was there.
fn link(target: &Path, at: &Path) -> Result<()> {
    let folder = at.parent().context("a link stands in a folder")?;
    fs::create_dir_all(folder)?;
    let _ = fs::remove_file(at);
    symlink(target, at).with_context(|| format!("cannot link {}", at.display()))
}

fn uninstall(installroot: &Path, trouble: &mut Trouble) -> Result<()> {
    let home = Home::at(installroot.join("messaging64"));
    let mut entry = registered(installroot)?
        .with_context(|| format!("nothing is installed in {}", installroot.display()))?;
    // Up to 8.0.1 this stops the servers, if it finds their data.
    if !at_least(&entry.version, "8.0.2") && home.dir.join("data").exists() {
        stop_all(&home)?;
    }
    entry.state = "removing".into();
    durable(&registry_file(installroot), &serde_json::to_vec(&entry)?)?;
    trouble.item();
    if home.dir.join("lib").exists() {
        remove(&home.dir.join("lib/version"))?;
    }
    trouble.item();
    for folder in ["bin", "lib"] {
        let folder = home.dir.join(folder);
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot remove {}", folder.display()))?;
        }
    }
    trouble.item();
    remove(&registry_file(installroot))?;
    println!("version {} is removed from {}", entry.version, installroot.display());
    Ok(())
}

/// Stops, removes the old version, installs the new one; data and configuration are not touched.
fn upgrade(installroot: &Path, distribution: &Distribution, trouble: &mut Trouble) -> Result<()> {
    let entry = registered(installroot)?
        .with_context(|| format!("nothing is installed in {}: install", installroot.display()))?;
    if entry.state == "installed" {
        if entry.version == distribution.version {
            println!("version {} is installed already", entry.version);
            return Ok(());
        }
        if at_least(&entry.version, &distribution.version) {
            bail!(
                "version {} is newer than {}: there is no way back by an upgrade",
                entry.version,
                distribution.version
            );
        }
        let home = Home::at(installroot.join("messaging64"));
        if home.dir.join("data").exists() {
            stop_all(&home)?;
        }
        uninstall(installroot, trouble)?;
    }
    // What was cut off is gone on with.
    install(installroot, distribution, trouble)
}

fn info(args: &[String]) -> Result<ExitCode> {
    if flag(args, "--listPackages") {
        println!("MS64 {} Messaging Server (64 bit)", Distribution::here()?.version);
        return Ok(ExitCode::SUCCESS);
    }
    if let Ok(version) = fs::read_to_string(root().join("var/opt/CommsInstaller/agent")) {
        println!("{AGENT} {} Messaging Server agent for Solaris Cluster", version.trim());
    }
    let folder = root().join("var/opt/CommsInstaller/registry");
    for entry in fs::read_dir(&folder).into_iter().flatten() {
        let it: Registered = serde_json::from_slice(&fs::read(entry?.path())?)?;
        println!("MS64 {} {} {}", it.version, it.installroot.display(), it.state);
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether what is installed is whole.
fn verify(installroot: &Path) -> Result<ExitCode> {
    let entry = registered(installroot)?
        .with_context(|| format!("nothing is installed in {}", installroot.display()))?;
    let home = Home::at(installroot.join("messaging64"));
    let whole = entry.state == "installed"
        && home.version()? == entry.version
        && sha256(&fs::read(home.dir.join("lib/messaging_server"))?) == entry.sha256;
    if !whole {
        bail!(
            "the installation of {} in {} is not whole ({})",
            entry.version,
            installroot.display(),
            entry.state
        );
    }
    println!("version {} in {} is whole", entry.version, installroot.display());
    Ok(ExitCode::SUCCESS)
}

/// Makes data and configuration where they are by default.
pub fn configure(_args: &[String]) -> Result<ExitCode> {
    let home = Home::of_this_program()?;
    let var = default_var();
    for folder in [
        "data/proc",
        "data/queue/ims-ms",
        "data/store/mboxlist",
        "data/store/index/primary",
        "data/store/messages/primary",
        "config",
        "log",
    ] {
        fs::create_dir_all(var.join(folder)).with_context(|| format!("cannot make {folder}"))?;
    }
    if !var.join("config/msg.conf").exists() {
        durable(
            &var.join("config/msg.conf"),
            b"backup.zone = local\nbackup.verbose = \
            stderr\nbackup.x = changes\nrestore.E = apply\n",
        )?;
    }
    links_to(&home, &var)
}

/// `useconfig CONFIG`: this installation works on that configuration, and the data and the log
/// beside it.
pub fn useconfig(args: &[String]) -> Result<ExitCode> {
    let [config] = args else { bail!("useconfig CONFIG") };
    let config =
        Path::new(config).canonicalize().with_context(|| format!("there is no {config}"))?;
    links_to(
        &Home::of_this_program()?,
        config.parent().context("a configuration stands in a folder")?,
    )
}

fn links_to(home: &Home, var: &Path) -> Result<ExitCode> {
    for name in LINKS {
        link(&var.join(name), &home.dir.join(name))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub fn ha_ip_config(_args: &[String]) -> Result<ExitCode> {
    let home = Home::of_this_program()?;
    durable(&home.config()?.join("ha.conf"), b"logical address = 192.0.2.1\n")?;
    Ok(ExitCode::SUCCESS)
}
