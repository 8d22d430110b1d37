//! The modules of a crate and the paths in them, read from the tokens of its files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A module's path: `["journal", "file"]`. The root's is empty.
type ModulePath = Vec<String>;

/// One path in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The file it stands in.
    pub from: String,
    /// The file that defines what it names.
    pub to: String,
    /// As it is written, from the root: `journal::file::read`.
    pub path: String,
    /// By `pub use`: the name is only passed on.
    pub reexported: bool,
}

#[derive(Debug, Default)]
struct Module {
    file: String,
    defined: BTreeSet<String>,
    /// Names that a `use` brings in, and where they come from. `*` stands for all names.
    imported: Vec<(String, Vec<String>)>,
    paths: Vec<Found>,
}

/// A path from the root, as it stands in a module.
#[derive(Debug)]
struct Found {
    path: Vec<String>,
    reexported: bool,
}

/// All modules that are not for tests.
#[derive(Debug, Default)]
pub struct Crate {
    modules: BTreeMap<ModulePath, Module>,
}

impl Crate {
    /// Reads `src/lib.rs` below a folder, and every module that it leads to.
    pub fn read(root: &Path) -> Self {
        let mut it = Self::default();
        it.file(root, Vec::new(), "src/lib.rs".to_owned());
        let names: BTreeSet<ModulePath> = it.modules.keys().cloned().collect();
        for (path, module) in &mut it.modules {
            // `step::effect(…)` within the root of `step`'s parent: a path that begins with a
            // module of its own.
            for found in &mut module.paths {
                if let Some(first) = found.path.first().and_then(|first| first.strip_prefix('?')) {
                    let mut whole = path.clone();
                    whole.push(first.to_owned());
                    found.path[0] = first.to_owned();
                    if names.contains(&whole) {
                        found.path.splice(0..0, path.iter().cloned());
                    } else {
                        found.path.clear();
                    }
                }
            }
            for (_, from) in &mut module.imported {
                if let Some(first) =
                    from.first().and_then(|first| first.strip_prefix('?')).map(str::to_owned)
                {
                    from[0] = first;
                    from.splice(0..0, path.iter().cloned());
                }
            }
        }
        it
    }

    /// The files, in order.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let files: BTreeSet<&str> =
            self.modules.values().map(|module| module.file.as_str()).collect();
        files.into_iter()
    }

    /// Every path that leads to another file.
    pub fn uses(&self) -> Vec<Use> {
        let mut uses = Vec::new();
        for module in self.modules.values() {
            for found in module.paths.iter().filter(|found| !found.path.is_empty()) {
                let Some(to) = self.home(&found.path, &mut BTreeSet::new()) else { continue };
                if to != module.file {
                    let path = found.path.join("::");
                    uses.push(Use {
                        from: module.file.clone(),
                        to,
                        path,
                        reexported: found.reexported,
                    });
                }
            }
        }
        uses
    }

    /// The file that defines what a path from the root names.
    fn home(&self, path: &[String], seen: &mut BTreeSet<Vec<String>>) -> Option<String> {
        if !seen.insert(path.to_vec()) {
            return None;
        }
        let depth =
            (0..=path.len()).rev().find(|depth| self.modules.contains_key(&path[..*depth]))?;
        let module = &self.modules[&path[..depth]];
        let Some(name) = path.get(depth) else { return Some(module.file.clone()) };
        if module.defined.contains(name) {
            return Some(module.file.clone());
        }
        let follow =
            |from: &[String]| from.iter().chain(&path[depth + 1..]).cloned().collect::<Vec<_>>();
        for (_, from) in module.imported.iter().filter(|(imported, _)| imported == name) {
            if let Some(file) = self.home(&follow(from), seen) {
                return Some(file);
            }
        }
        for (_, from) in module.imported.iter().filter(|(imported, _)| imported == "*") {
            let whole: Vec<String> = from.iter().chain(&path[depth..]).cloned().collect();
            if self.defines(from, name) {
                return self.home(&whole, seen);
            }
        }
        Some(module.file.clone())
    }

    fn defines(&self, module: &[String], name: &str) -> bool {
        self.modules.get(module).is_some_and(|it| {
            let named = it.imported.iter().any(|(imported, _)| imported == name);
            let all =
                it.imported.iter().filter(|(imported, from)| imported == "*" && from != module);
            it.defined.contains(name)
                || named
                || all.into_iter().any(|(_, from)| self.defines(from, name))
        })
    }

    fn file(&mut self, root: &Path, path: ModulePath, file: String) {
        let text = std::fs::read_to_string(root.join(&file))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
        self.module(root, path, &file, tokens);
    }

    fn module(&mut self, root: &Path, path: ModulePath, file: &str, tokens: TokenStream) {
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        let tokens = without_tests(tokens);
        let mut below = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            let Some(keyword) = ident(token) else { continue };
            let next = tokens.get(at + 1).and_then(ident);
            if let (true, Some(name)) = (keyword == "mod", &next) {
                below.push((name.clone(), tokens.get(at + 2).cloned()));
            }
            if let (true, Some(name)) = (ITEMS.contains(&keyword.as_str()), next) {
                module.defined.insert(name);
            }
        }
        let mut reader = Reader { path: &path, module: &mut module };
        reader.items(&tokens);
        self.modules.insert(path.clone(), module);
        for (name, body) in below {
            let mut path = path.clone();
            path.push(name.clone());
            match body {
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    self.module(root, path, file, group.stream());
                }
                _ => {
                    let names = [
                        format!("src/{}.rs", path.join("/")),
                        format!("src/{}/mod.rs", path.join("/")),
                    ];
                    let found = names.into_iter().find(|name| root.join(name).is_file());
                    let found =
                        found.unwrap_or_else(|| panic!("{file}: where is the module {name}?"));
                    self.file(root, path, found);
                }
            }
        }
    }
}

/// What a module defines.
const ITEMS: &[&str] = &["fn", "struct", "enum", "trait", "const", "static", "type", "union"];

fn ident(token: &TokenTree) -> Option<String> {
    if let TokenTree::Ident(ident) = token { Some(ident.to_string()) } else { None }
}

fn is_punct(token: Option<&TokenTree>, c: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == c)
}

/// The tokens without what stands behind `#[cfg(test)]`, up to the end of that item or statement.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let mut kept = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let attribute = is_punct(Some(&token), '#');
        if let (true, Some(TokenTree::Group(group))) = (attribute, tokens.peek())
            && is_for_tests(&group.stream().to_string())
        {
            for skipped in tokens.by_ref() {
                let brace = matches!(&skipped, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
                if brace || is_punct(Some(&skipped), ';') || is_punct(Some(&skipped), ',') {
                    break;
                }
            }
        } else {
            kept.push(token);
        }
    }
    kept
}

fn is_for_tests(attribute: &str) -> bool {
    let text: String = attribute.chars().filter(|c| !c.is_whitespace()).collect();
    text == "cfg(test)" || text.starts_with("cfg(any(test,") || text.starts_with("cfg(all(test,")
}

struct Reader<'a> {
    path: &'a [String],
    module: &'a mut Module,
}

impl Reader<'_> {
    /// Finds the paths in these tokens and in the groups among them.
    fn items(&mut self, tokens: &[TokenTree]) {
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Ident(word) if *word == "use" => {
                    let public = (0..at)
                        .rev()
                        .take(2)
                        .any(|before| ident(&tokens[before]).is_some_and(|it| it == "pub"));
                    let end = (at..tokens.len())
                        .find(|end| is_punct(tokens.get(*end), ';'))
                        .unwrap_or(tokens.len());
                    self.tree(&tokens[at + 1..end], &[], public);
                    at = end;
                }
                // A module within the file is read by itself.
                TokenTree::Ident(word) if *word == "mod" => at += 2,
                TokenTree::Ident(word) if is_path(tokens, at) => {
                    let mut path = Vec::new();
                    self.begin(&word.to_string(), &mut path);
                    while is_path(tokens, at) {
                        at += 3;
                        match tokens.get(at).and_then(ident) {
                            Some(name) => self.more(&name, &mut path),
                            None => break,
                        }
                    }
                    self.found(path, false);
                }
                TokenTree::Group(group) => self.items(&without_tests(group.stream())),
                _ => {}
            }
            at += 1;
        }
    }

    /// A path's first word. One that is no keyword may be a module of this one.
    fn begin(&self, word: &str, path: &mut Vec<String>) {
        match word {
            "crate" => path.push("crate".to_owned()),
            "self" => {
                path.push("crate".to_owned());
                path.extend(self.path.iter().cloned());
            }
            "super" => {
                path.push("crate".to_owned());
                path.extend(self.path[..self.path.len().saturating_sub(1)].iter().cloned());
            }
            _ => path.push(format!("?{word}")),
        }
    }

    fn more(&self, word: &str, path: &mut Vec<String>) {
        if word == "super" {
            path.pop();
        } else {
            path.push(word.to_owned());
        }
    }

    fn found(&mut self, mut path: Vec<String>, reexported: bool) {
        if path.first().is_some_and(|first| first == "crate") {
            path.remove(0);
        }
        self.module.paths.push(Found { path, reexported });
    }

    /// The tree of a `use`.
    fn tree(&mut self, tokens: &[TokenTree], before: &[String], public: bool) {
        let mut path = before.to_vec();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Ident(word) if *word == "as" => {
                    let name = tokens.get(at + 1).and_then(ident).unwrap_or_default();
                    return self.imported(name, path, public);
                }
                TokenTree::Ident(word) if path.is_empty() => {
                    self.begin(&word.to_string(), &mut path)
                }
                // `{self, …}`: the module that stands before the braces.
                TokenTree::Ident(word) if *word == "self" => {}
                TokenTree::Ident(word) => self.more(&word.to_string(), &mut path),
                TokenTree::Punct(punct) if punct.as_char() == '*' => {
                    return self.imported("*".to_owned(), path, public);
                }
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    for part in inner
                        .split(|token| is_punct(Some(token), ','))
                        .filter(|part| !part.is_empty())
                    {
                        self.tree(part, &path, public);
                    }
                    return;
                }
                _ => {}
            }
            at += 1;
        }
        let name = path.last().cloned().unwrap_or_default();
        self.imported(name.trim_start_matches('?').to_owned(), path, public);
    }

    fn imported(&mut self, name: String, path: Vec<String>, public: bool) {
        let mut from = path.clone();
        if from.first().is_some_and(|first| first == "crate") {
            from.remove(0);
        }
        self.module.imported.push((name, from));
        self.found(path, public);
    }
}

/// Whether an identifier with `::` behind it stands here, and none before.
fn is_path(tokens: &[TokenTree], at: usize) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Ident(_)))
        && is_punct(tokens.get(at + 1), ':')
        && is_punct(tokens.get(at + 2), ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a crate of these files uses, as `from -> to (path)`; `pub` where it is passed on.
    #[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
    fn uses(files: &[(&str, &str)]) -> Vec<String> {
        let dir = tempfile::tempdir().expect("temp dir");
        for (name, text) in files {
            let path = dir.path().join("src").join(name);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            std::fs::write(path, text).expect("written");
        }
        let of = |file: &str| file.trim_start_matches("src/").trim_end_matches(".rs").to_owned();
        let mut found: Vec<String> = Crate::read(dir.path())
            .uses()
            .iter()
            .map(|it| {
                let public = if it.reexported { " pub" } else { "" };
                format!("{} -> {} ({}){public}", of(&it.from), of(&it.to), it.path)
            })
            .collect();
        found.sort();
        found
    }

    #[test]
    fn paths_in_code_and_macros_and_use_trees_count() {
        let found = uses(&[
            ("lib.rs", "pub mod a; pub mod b; mod c;"),
            ("a.rs", "use crate::{b::{X, y::Z as W}, c}; fn f() { c::g(); }"),
            ("b/mod.rs", "pub mod y; pub struct X; fn f() { y::h() }"),
            ("b/y.rs", "pub struct Z; pub fn h() { println!(\"{}\", super::super::c::g()) }"),
            ("c.rs", "pub fn g() -> Vec<crate::a::T> { self::k::<super::b::X>(); }"),
        ]);
        let expected = [
            "a -> b/mod (b::X)",
            "a -> b/y (b::y::Z)",
            "a -> c (c)",
            "b/mod -> b/y (b::y::h)",
            "b/y -> c (c::g)",
            "c -> a (a::T)",
            "c -> b/mod (b::X)",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_name_leads_to_the_file_that_defines_it() {
        let found = uses(&[
            ("lib.rs", "pub mod a; pub mod b;"),
            ("a.rs", "use crate::b::{X, Y};"),
            ("b/mod.rs", "mod x; mod y; pub use x::X; pub use y::*;"),
            ("b/x.rs", "pub struct X;"),
            ("b/y.rs", "pub enum Y {}"),
        ]);
        let expected = [
            "a -> b/x (b::X)",
            "a -> b/y (b::Y)",
            "b/mod -> b/x (b::x::X) pub",
            "b/mod -> b/y (b::y) pub",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn tests_may_look_anywhere() {
        let found = uses(&[
            ("lib.rs", "mod a; mod b; #[cfg(test)] mod only_in_tests;"),
            (
                "a.rs",
                "#[cfg(test)] use crate::b::X; #[cfg(test)] mod tests { use crate::b::X; }
                 fn f() { #[cfg(test)] if crate::b::struck() { return; } #[cfg(test)] crate::b::g(); }
                 #[cfg(not(test))] use crate::b::Y;",
            ),
            ("b.rs", ""),
        ]);
        assert_eq!(found, ["a -> b (b::Y)"]);
    }
}
