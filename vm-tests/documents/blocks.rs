//! The blocks of the documents: what stands between two fences, with its language and its place.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use regex::Regex;

/// What stands between two fences of a document.
#[derive(Debug, Clone)]
pub struct Block {
    /// The document, from the top of the repository.
    pub document: String,
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The first word behind the fence. Empty where there is none, as with an indented block.
    pub language: String,
    /// The second word: which kind of that language.
    pub kind: String,
    /// What stands in it.
    pub text: String,
}

impl Block {
    /// Its commands, one each: without comments, and a line that goes on with the next one.
    pub fn commands(&self) -> Vec<String> {
        static COMMENT: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r"(^|\s\s+)# .*$").ok());
        let joined = self.text.replace("\\\n", " ");
        let without = |line: &str| match &*COMMENT {
            Some(comment) => comment.replace(line, "").into_owned(),
            None => line.to_owned(),
        };
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        joined.lines().map(|line| words(&without(line))).filter(|line| !line.is_empty()).collect()
    }

    /// Whether it has commands to be typed.
    pub fn is_commands(&self) -> bool {
        self.language == "sh" && self.kind.is_empty()
    }

    /// How a test names it: its commands, of which the first words do.
    pub fn name(&self) -> String {
        self.commands().join("; ")
    }

    /// Where it stands.
    pub fn place(&self) -> String {
        format!("{}:{}", self.document, self.line)
    }
}

/// A document and its text.
#[derive(Debug)]
pub struct Document {
    /// Its path, from the top of the repository.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl Document {
    /// Its blocks.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut within = false;
        for (event, range) in Parser::new(&self.text).into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let info = match &kind {
                        CodeBlockKind::Fenced(info) => info.to_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    let mut words = info.split_whitespace().map(str::to_owned);
                    within = true;
                    blocks.push(Block {
                        document: self.name.clone(),
                        line: self.text[..range.start].lines().count().max(1),
                        language: words.next().unwrap_or_default(),
                        kind: words.next().unwrap_or_default(),
                        text: String::new(),
                    });
                }
                Event::End(TagEnd::CodeBlock) => within = false,
                Event::Text(text) if within => {
                    if let Some(block) = blocks.last_mut() {
                        block.text.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        blocks
    }

    /// What stands between backquotes in its sentences, with the line.
    pub fn inline(&self) -> Vec<(usize, String)> {
        let options = pulldown_cmark::Options::ENABLE_TABLES;
        Parser::new_ext(&self.text, options)
            .into_offset_iter()
            .filter_map(|(event, range)| match event {
                Event::Code(code) => Some((self.text[..range.start].lines().count(), code)),
                _ => None,
            })
            .map(|(line, code)| (line, code.to_string()))
            .collect()
    }
}

/// The top of the repository.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All documents that people read, by name. The changelog is none: it tells what was.
///
/// # Errors
/// When one cannot be read.
pub fn documents() -> std::io::Result<Vec<Document>> {
    let mut files = vec![PathBuf::from("README.md"), "CONTRIBUTING.md".into()];
    for folder in ["docs", "playbooks", "vm-tests"] {
        for entry in walkdir::WalkDir::new(top().join(folder)).max_depth(2) {
            let path = entry?.into_path();
            if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path.strip_prefix(top()).unwrap_or(&path).to_owned());
            }
        }
    }
    files.sort();
    let read = |file: PathBuf| {
        let name = file.display().to_string();
        Ok(Document { text: fs::read_to_string(top().join(&file))?, name })
    };
    files.into_iter().map(read).collect()
}
