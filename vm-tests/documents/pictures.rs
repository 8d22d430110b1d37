//! Pictures of screens: what a terminal shows of a recording of `script --log-timing`, as SVG.

use std::fmt::Write as _;
use std::fs;
use std::num::NonZero;
use std::path::Path;

use anyhow::{Context as _, Result};

/// What a terminal has.
const COLUMNS: NonZero<u16> = NonZero::new(80).unwrap();
/// More lines than any session has.
const LINES: NonZero<u16> = NonZero::new(400).unwrap();

/// A picture.
#[derive(Debug, Clone, Copy)]
pub struct Picture {
    /// The file's name, without `.svg`.
    pub name: &'static str,
    /// The recording.
    pub recording: &'static str,
    /// The last moment at which a line begins so; empty: the end.
    pub at: &'static str,
    /// Which lines of it.
    pub lines: Lines,
}

/// Which lines of a screen a picture shows.
#[derive(Debug, Clone, Copy)]
pub enum Lines {
    /// Every line.
    All,
    /// So many, from the first with these words on.
    From(&'static str, usize),
    /// The last ones.
    Last(usize),
}

impl Lines {
    fn of(self, screen: &[String]) -> &[String] {
        let end = screen.len();
        match self {
            Self::All => screen,
            Self::From(words, count) => {
                let first = screen.iter().position(|line| line.contains(words)).unwrap_or(end);
                &screen[first..end.min(first + count)]
            }
            Self::Last(count) => &screen[end.saturating_sub(count)..],
        }
    }
}

/// All pictures.
pub const PICTURES: &[Picture] = &[
    Picture { name: "check-fix", recording: CHECK, at: "", lines: Lines::From("$ ", 9) },
    Picture {
        name: "plan-downgrade",
        recording: "plan-downgrade",
        at: "",
        lines: Lines::From("$ ", 46),
    },
    Picture { name: "status", recording: "status", at: "", lines: Lines::All },
    Picture { name: "progress", recording: DOWNGRADE, at: "shut out for", lines: Lines::Last(8) },
    Picture { name: "downgraded", recording: DOWNGRADE, at: "", lines: Lines::From("Took:", 20) },
];

/// The first use of the README.
const CHECK: &str = "README-backout-check-fix";
/// The downgrade of the README.
const DOWNGRADE: &str = "README-backout-downgrade";

/// What `asciinema play` shows: the recording of the downgrade.
pub const CAST: &str = "downgrade";

/// What was recorded: the command, and what came on the screen at which second.
#[derive(Debug)]
struct Recording {
    command: String,
    events: Vec<(f64, Vec<u8>)>,
}

impl Recording {
    /// Reads `NAME.command`, `NAME.log` and `NAME.timing`.
    fn read(folder: &Path, name: &str) -> Result<Self> {
        let part = |extension: &str| {
            let file = folder.join(format!("{name}.{extension}"));
            fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))
        };
        let command = String::from_utf8(part("command")?)?.trim().to_owned();
        let (log, timing) = (part("log")?, String::from_utf8(part("timing")?)?);
        // `script` itself writes the first line, which the times do not count.
        let begin = log.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (mut rest, mut now) = (&log[begin..], 0.0);
        let mut events = Vec::new();
        for line in timing.lines() {
            let (delay, bytes) = line.split_once(' ').context("a time and a number")?;
            now += delay.trim().parse::<f64>()?;
            let count = bytes.trim().parse::<usize>()?.min(rest.len());
            let (these, others) = rest.split_at(count);
            events.push((now, these.to_vec()));
            rest = others;
        }
        Ok(Self { command, events })
    }

    /// The lines of the screen at that moment, as a terminal would be told to show them.
    fn screen(&self, at: &str) -> Vec<String> {
        let mut terminal = vt100::Parser::new(LINES, COLUMNS, 0);
        terminal.process(format!("\x1b[1m$ {}\x1b[0m\r\n", self.command).as_bytes());
        let mut found = Vec::new();
        for (_, bytes) in &self.events {
            terminal.process(bytes);
            let shows = |line: &str| line.trim_start().starts_with(at);
            if !at.is_empty() && terminal.screen().contents().lines().any(shows) {
                found = lines(terminal.screen());
            }
        }
        if at.is_empty() { lines(terminal.screen()) } else { found }
    }

    /// As asciinema reads it, version 2.
    fn cast(&self) -> Result<String> {
        let mut cast = format!("{{\"version\":2,\"width\":{COLUMNS},\"height\":40}}\n");
        let typed = format!("\x1b[1m$ {}\x1b[0m\r\n", self.command);
        let shown = self.events.iter().map(|(now, bytes)| (*now, String::from_utf8_lossy(bytes)));
        for (now, text) in std::iter::once((0.0, typed.into())).chain(shown) {
            writeln!(cast, "[{now:.2},\"o\",{}]", serde_json::to_string(&text)?)?;
        }
        Ok(cast)
    }
}

/// The lines of a screen, without the empty ones at its end. What the terminal itself had to break
/// ends in [`BROKEN`].
fn lines(screen: &vt100::Screen) -> Vec<String> {
    let filled = screen.rows(0, COLUMNS.get()).enumerate().filter(|(_, row)| !row.is_empty());
    let filled = filled.last().map_or(0, |(at, _)| at + 1);
    let rows = screen.rows_formatted(0, COLUMNS.get()).take(filled).zip(0..);
    let broken = |at| if screen.row_wrapped(at) { BROKEN } else { "" };
    rows.map(|(row, at)| format!("{row}{}", broken(at))).collect()
}

/// Stands for nothing on a screen.
const BROKEN: &str = "\x1b[m\x1b[m";

/// The picture of these lines. It has a background of its own, so it can be read on any page.
fn svg(lines: &[String]) -> String {
    let text = lines.iter().map(|line| format!("{line}\x1b[0m")).collect::<Vec<_>>().join("\n");
    let columns = usize::from(COLUMNS.get());
    let of = |red, green, blue| anstyle::RgbColor(red, green, blue).into();
    let terminal = anstyle_svg::Term::new().fg_color(of(0xe6, 0xe9, 0xee));
    terminal.bg_color(of(0x16, 0x1b, 0x22)).min_width_px(columns * 8 + 40).render_svg(&text)
}

/// Makes all pictures, and the recording.
///
/// # Errors
/// When a recording is missing, cannot be read, or never shows what the picture is about.
pub fn make(recordings: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for picture in PICTURES {
        let screen = Recording::read(recordings, picture.recording)?.screen(picture.at);
        let shown = picture.lines.of(&screen);
        // The tool breaks sentences itself. It does not break commands, nor lines with a time.
        let kept = |line: &str| line.contains("runs: ") || line.starts_with(char::is_numeric);
        let broken = shown.iter().find(|line| line.ends_with(BROKEN) && !kept(line));
        anyhow::ensure!(broken.is_none(), "{}: too long a line: {broken:?}", picture.name);
        anyhow::ensure!(!shown.is_empty(), "{} never shows {picture:?}", picture.recording);
        fs::write(folder.join(format!("{}.svg", picture.name)), svg(shown))?;
    }
    let cast = Recording::read(recordings, DOWNGRADE)?.cast()?;
    fs::write(folder.join(format!("{CAST}.cast")), cast)?;
    Ok(())
}
