//! `{name}` in the texts of a playbook.
//!
//! `${...}` is left as it is (formats of `dpkg-query`), `{{` and `}}` are literal braces, `{$}` is a `$` that stands before a name.
//! Names are filled in twice: those known when the plan is made ([`expand_known`]), then the rest when a step runs ([`expand`]). What
//! the first pass returns is a template again: it keeps the escapes of the text and escapes the values, so that only the last pass
//! unescapes, and no value is ever read as a template.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::host::exec::Command;

/// Why a text cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A `{` begins no name.
    #[error("in {text:?} the `{{` at character {at} begins no name; a literal brace is written `{{{{`")]
    Open {
        /// The text.
        text: String,
        /// The position, counted from 1.
        at: usize,
    },
    /// A `}` ends nothing.
    #[error("in {text:?} the `}}` at character {at} ends no name; a literal brace is written `}}}}`")]
    Close {
        /// The text.
        text: String,
        /// The position, counted from 1.
        at: usize,
    },
    /// No value is known for a name.
    #[error("no value for `{{{name}}}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// A list stands inside a longer word, or where only one value fits.
    #[error("`{{{name}}}` is a list: it must be an argument of its own")]
    ListInside {
        /// The name.
        name: String,
    },
    /// A list has no items.
    #[error("`{{{name}}}` is an empty list: there is nothing to run the command with")]
    EmptyList {
        /// The name.
        name: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// Means itself.
    Literal(&'a str),
    /// `${...}`: means itself, braces and all.
    Opaque(&'a str),
    /// As written, and what it means.
    Escape(&'static str, &'static str),
    Name(&'a str),
    /// A brace that fits nowhere, with its byte position.
    Stray(&'a str, usize),
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut at, mut literal) = (0, 0);
    while at < text.len() {
        let rest = &text[at..];
        let (token, length) = if rest.starts_with("${") && !rest.starts_with("${{") {
            match rest.find('}') {
                Some(end) => (Token::Opaque(&rest[..=end]), end + 1),
                None => (Token::Stray(&rest[..2], at + 1), 2),
            }
        } else if rest.starts_with("{{") {
            (Token::Escape("{{", "{"), 2)
        } else if rest.starts_with("}}") {
            (Token::Escape("}}", "}"), 2)
        } else if rest.starts_with("{$}") {
            (Token::Escape("{$}", "$"), 3)
        } else if rest.starts_with('{') {
            match rest.find('}').map(|end| &rest[1..end]).filter(|name| is_name(name)) {
                Some(name) => (Token::Name(name), name.len() + 2),
                None => (Token::Stray(&rest[..1], at), 1),
            }
        } else if rest.starts_with('}') {
            (Token::Stray(&rest[..1], at), 1)
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        if literal < at {
            found.push(Token::Literal(&text[literal..at]));
        }
        found.push(token);
        at += length;
        literal = at;
    }
    if literal < text.len() {
        found.push(Token::Literal(&text[literal..]));
    }
    found
}

fn stray(text: &str, brace: &str, at: usize) -> TemplateError {
    let (text, at) = (text.to_owned(), text[..at].chars().count() + 1);
    if brace == "}" { TemplateError::Close { text, at } } else { TemplateError::Open { text, at } }
}

/// The names in a text, in order, each as often as it occurs.
///
/// # Errors
/// When a brace fits nowhere.
pub fn names(text: &str) -> Result<Vec<String>, TemplateError> {
    let mut found = Vec::new();
    for token in tokens(text) {
        match token {
            Token::Name(name) => found.push(name.to_owned()),
            Token::Stray(brace, at) => return Err(stray(text, brace, at)),
            Token::Literal(_) | Token::Opaque(_) | Token::Escape(..) => {}
        }
    }
    Ok(found)
}

/// A value as it is written in a template. A `$` could make `${...}` of what follows, so it is escaped too.
fn escaped(value: &str) -> String {
    let mut result = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '{' => result.push_str("{{"),
            '}' => result.push_str("}}"),
            '$' => result.push_str("{$}"),
            other => result.push(other),
        }
    }
    result
}

/// Fills in the names that `lookup` knows; the result is a template still.
pub fn expand_known(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let mut result = String::with_capacity(text.len());
    for token in tokens(text) {
        match token {
            Token::Literal(part) | Token::Opaque(part) | Token::Escape(part, _) | Token::Stray(part, _) => result.push_str(part),
            Token::Name(name) => match lookup(name) {
                Some(value) => result.push_str(&escaped(&value)),
                None => result.push_str(&format!("{{{name}}}")),
            },
        }
    }
    result
}

/// Fills in all names and unescapes: the text as it is used.
///
/// # Errors
/// When a name is not known or a brace fits nowhere.
pub fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, TemplateError> {
    let mut result = String::with_capacity(text.len());
    for token in tokens(text) {
        match token {
            Token::Literal(part) | Token::Opaque(part) | Token::Escape(_, part) => result.push_str(part),
            Token::Name(name) => match lookup(name) {
                Some(value) => result.push_str(&value),
                None => return Err(TemplateError::Unknown { name: name.to_owned() }),
            },
            Token::Stray(brace, at) => return Err(stray(text, brace, at)),
        }
    }
    Ok(result)
}

/// The same for a glob pattern: what is special in a pattern means itself in a value.
///
/// # Errors
/// As [`expand`].
pub fn expand_pattern(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, TemplateError> {
    expand(text, &|name| lookup(name).map(|value| glob::Pattern::escape(&value)))
}

/// Fills in the names that `lookup` knows in every text of a command; the result is a template still.
pub fn expand_command_known(command: &Command, lookup: &dyn Fn(&str) -> Option<String>) -> Command {
    let text = |text: &str| expand_known(text, lookup);
    let path = |path: &PathBuf| PathBuf::from(text(&path.to_string_lossy()));
    Command {
        stages: command.stages.iter().map(|words| words.iter().map(|word| text(word)).collect()).collect(),
        env: command.env.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        env_from_file: command
            .env_from_file
            .iter()
            .map(|(name, file)| (name.clone(), path(file)))
            // The variable that names the file leaves it open whether there is one.
            .filter(|(_, file)| !file.as_os_str().is_empty())
            .collect(),
        cwd: command.cwd.as_ref().map(path),
        user: command.user.as_deref().map(text),
        stdin: command.stdin.as_ref().map(path),
        stdout: command.stdout.as_ref().map(path),
        timeout: command.timeout,
        daemon: command.daemon,
        fails_on: command.fails_on.clone(),
    }
}

/// Fills in all names of a command. A word that is only `{name}` of one of `lists` becomes one argument an item.
///
/// # Errors
/// When a name is not known, a list is empty or stands inside a longer text, or a brace fits nowhere.
pub fn expand_command(
    command: &Command,
    lookup: &dyn Fn(&str) -> Option<String>,
    lists: &BTreeMap<String, Vec<String>>,
) -> Result<Command, TemplateError> {
    let text = |text: &str| {
        if let Some(name) = names(text)?.into_iter().find(|name| lists.contains_key(name)) {
            return Err(TemplateError::ListInside { name });
        }
        expand(text, lookup)
    };
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| text(&path.to_string_lossy()).map(PathBuf::from)).transpose();
    let mut env_from_file = BTreeMap::new();
    for (name, file) in &command.env_from_file {
        let file = text(&file.to_string_lossy())?;
        if !file.is_empty() {
            env_from_file.insert(name.clone(), file.into());
        }
    }
    let words = |words: &Vec<String>| {
        let mut result = Vec::with_capacity(words.len());
        for word in words {
            match list_of(word, lists) {
                Some((name, [])) => return Err(TemplateError::EmptyList { name: name.to_owned() }),
                Some((_, items)) => result.extend_from_slice(items),
                None => result.push(text(word)?),
            }
        }
        Ok(result)
    };
    Ok(Command {
        stages: command.stages.iter().map(words).collect::<Result<_, _>>()?,
        env: command.env.iter().map(|(name, value)| Ok((name.clone(), text(value)?))).collect::<Result<_, _>>()?,
        env_from_file,
        cwd: path(&command.cwd)?,
        user: command.user.as_deref().map(text).transpose()?,
        stdin: path(&command.stdin)?,
        stdout: path(&command.stdout)?,
        timeout: command.timeout,
        daemon: command.daemon,
        fails_on: command.fails_on.clone(),
    })
}

fn list_of<'a>(word: &str, lists: &'a BTreeMap<String, Vec<String>>) -> Option<(&'a str, &'a [String])> {
    let name = word.strip_prefix('{')?.strip_suffix('}')?;
    lists.get_key_value(name).map(|(name, items)| (name.as_str(), items.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn dollar_braces_stay_and_doubled_braces_are_literal() {
        let known = of(&[("a", "1")]);
        assert_eq!(expand("${Package}={a} {{x}} {$}{a}", &known), Ok("${Package}=1 {x} $1".to_owned()));
        assert_eq!(expand("${{a}}", &known), Ok("${a}".to_owned()));
        assert_eq!(names("{a}{b_2}${c}{{d}}").unwrap(), ["a", "b_2"]);
    }

    #[test]
    fn a_stray_brace_is_named_with_its_place() {
        let text = names("é {} x").unwrap_err().to_string();
        assert_eq!(text, "in \"é {} x\" the `{` at character 3 begins no name; a literal brace is written `{{`");
        assert!(matches!(names("a}"), Err(TemplateError::Close { at: 2, .. })));
        assert!(matches!(names("a${b"), Err(TemplateError::Open { at: 3, .. })));
        assert!(names("{A}").is_err());
    }

    #[test]
    fn unknown_names_stay_in_the_first_pass_and_fail_in_the_last() {
        assert_eq!(expand_known("{a} {b}", &of(&[("a", "x")])), "x {b}");
        assert_eq!(expand("{b}", &of(&[])).unwrap_err().to_string(), "no value for `{b}`");
    }

    #[test]
    fn a_value_is_never_a_template() {
        let first = expand_known("{a}{b}", &of(&[("a", "{b}$")]));
        assert_eq!(expand(&first, &of(&[("b", "2")])), Ok("{b}$2".to_owned()));
    }

    #[test]
    fn a_list_becomes_arguments() {
        let lists = BTreeMap::from([("files".to_owned(), vec!["a b".to_owned(), "{x}".to_owned()]), ("none".to_owned(), vec![])]);
        let run = |words: &[&str]| expand_command(&Command::new(words.iter().copied()), &of(&[("v", "1")]), &lists);
        assert_eq!(run(&["cat", "{files}", "{v}"]).unwrap().stages, [["cat", "a b", "{x}", "1"]]);
        assert_eq!(run(&["cat", "{none}"]).unwrap_err(), TemplateError::EmptyList { name: "none".to_owned() });
        assert_eq!(run(&["cat", "--x={files}"]).unwrap_err(), TemplateError::ListInside { name: "files".to_owned() });
        assert_eq!(run(&["cat", "{{files}}"]).unwrap().stages, [["cat", "{files}"]]);
    }

    #[test]
    fn a_value_in_a_pattern_means_itself() {
        let pattern = expand_pattern("{dir}/*.log", &of(&[("dir", "/srv/a [b]*?")])).unwrap();
        let pattern = glob::Pattern::new(&pattern).unwrap();
        assert!(pattern.matches("/srv/a [b]*?/x.log"));
        assert!(!pattern.matches("/srv/a bcd/x.log"));
    }

    #[test]
    fn every_text_of_a_command_is_expanded() {
        let command = Command {
            env: BTreeMap::from([("E".to_owned(), "{v}".to_owned())]),
            env_from_file: BTreeMap::from([("F".to_owned(), "{v}".into()), ("G".to_owned(), "{none}".into())]),
            cwd: Some("/{v}".into()),
            user: Some("{v}".to_owned()),
            stdin: Some("/in/{v}".into()),
            stdout: Some("/out/{v}".into()),
            ..Command::new(["x", "{v}{w}"])
        };
        let first = expand_command_known(&command, &of(&[("v", "{1}"), ("none", "")]));
        assert_eq!(first.stages, [["x", "{{1}}{w}"]]);
        let last = expand_command(&first, &of(&[("w", "2")]), &BTreeMap::new()).unwrap();
        assert_eq!(last.stages, [["x", "{1}2"]]);
        assert_eq!((last.env["E"].as_str(), last.user.as_deref()), ("{1}", Some("{1}")));
        assert_eq!(last.env_from_file, BTreeMap::from([("F".to_owned(), "{1}".into())]), "an empty path sets nothing");
        assert_eq!(last.cwd, Some("/{1}".into()));
        assert_eq!((last.stdin, last.stdout), (Some("/in/{1}".into()), Some("/out/{1}".into())));
    }

    proptest! {
        #[test]
        fn two_passes_are_as_good_as_one(text in r"([a-z${} ]|\{[abc]\}|\$\{[a-z]\}|\{\{|\}\}|\{\$\}){0,12}", a in r"[a${}]{0,5}", b in r"[a${}]{0,5}", c in r"[a${}]{0,5}") {
            let all = [("a", a.as_str()), ("b", b.as_str()), ("c", c.as_str())];
            let (whole, one, other) = (of(&all), of(&all[..1]), of(&all[1..]));
            let (first, twice) = (expand_known(&text, &one), expand_known(&expand_known(&text, &one), &one));
            if names(&text).is_ok() {
                prop_assert_eq!(expand(&first, &other), expand(&text, &whole));
                prop_assert_eq!(twice, first);
            }
        }

        #[test]
        fn any_value_comes_out_as_it_went_in(value in any::<String>(), behind in any::<String>()) {
            let first = expand_known("{a}{b}", &of(&[("a", &value)]));
            prop_assert_eq!(expand(&first, &of(&[("b", &behind)])), Ok(format!("{value}{behind}")));
        }

        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = (names(&text), expand(&text, &|_| None), expand_known(&text, &|_| None));
        }
    }
}
