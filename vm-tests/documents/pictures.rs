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
    /// The last moment at which a line has this; empty: the end.
    pub at: &'static str,
    /// Its last lines only, so many of them; 0: all.
    pub last: usize,
}

/// All pictures.
pub const PICTURES: &[Picture] = &[
    Picture { name: "check-fix", recording: "README-backout-check-fix", at: "", last: 0 },
    Picture { name: "plan-downgrade", recording: "plan-downgrade", at: "", last: 0 },
    Picture { name: "status", recording: "status", at: "", last: 0 },
    Picture { name: "progress", recording: DOWNGRADE, at: "shut out for", last: 24 },
    Picture { name: "downgraded", recording: DOWNGRADE, at: "", last: 24 },
];

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
            if !at.is_empty() && terminal.screen().contents().contains(at) {
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

/// The lines of a screen, without the empty ones at its end.
fn lines(screen: &vt100::Screen) -> Vec<String> {
    let filled = screen.contents().trim_end().lines().count();
    screen.rows_formatted(0, COLUMNS.get()).take(filled).collect()
}

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
        anyhow::ensure!(!screen.is_empty(), "{} never shows {:?}", picture.recording, picture.at);
        let first = if picture.last == 0 { 0 } else { screen.len().saturating_sub(picture.last) };
        fs::write(folder.join(format!("{}.svg", picture.name)), svg(&screen[first..]))?;
    }
    let cast = Recording::read(recordings, DOWNGRADE)?.cast()?;
    fs::write(folder.join(format!("{CAST}.cast")), cast)?;
    Ok(())
}
