//! The site file that `init` writes: with the meaning of each value. Pure.

use std::fmt::Write as _;

use crate::playbook::model::Playbook;
use crate::zfs::Dataset;

/// What a site file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The installed version.
    pub installed: String,
    /// The site's `upgrade_to`.
    pub upgrade_to: String,
    /// The version that this host shows for it; none if it shows none yet.
    pub shown: Option<String>,
    /// The datasets with the data. None: it is not on ZFS, or the product has none.
    pub datasets: Vec<Dataset>,
    /// Child datasets that stay as they are.
    pub leave: Vec<Dataset>,
    /// Child datasets that go back with the data.
    pub with_data: Vec<Dataset>,
    /// Values of variables that are not the playbook's own, in its order.
    pub values: Vec<(String, String)>,
}

/// The width of comments.
const WIDTH: usize = 98;

impl Draft {
    /// The text of the file.
    pub fn text(&self, playbook: &Playbook) -> String {
        let mut text = String::new();
        let head = format!(
            "Written by `backout init` for {}, version {}. What each key means: the operator's \
             guide, \"The site file\".",
            playbook.title, self.installed
        );
        comment(&mut text, &head);
        line(&mut text, "playbook", &quoted(&playbook.name));
        self.places(&mut text, playbook);
        text.push('\n');
        let shown = match &self.shown {
            Some(version) => format!("This host can get {version}."),
            None => "This host cannot get it yet: `backout check` says what is missing.".to_owned(),
        };
        comment(&mut text, &format!("The version to upgrade to, or its first parts. {shown}"));
        line(&mut text, "upgrade_to", &quoted(&self.upgrade_to));
        self.variables(&mut text, playbook);
        text
    }

    fn places(&self, text: &mut String, playbook: &Playbook) {
        if playbook.stateless {
            return;
        }
        text.push('\n');
        if self.datasets.is_empty() {
            comment(text, "The data is not on ZFS: it is backed up and restored as a whole.");
            line(text, "rollback", "\"none\"");
            return;
        }
        comment(text, "The datasets with the data. Each stands for everything below it.");
        line(text, "datasets", &list(&self.datasets));
        if !self.leave.is_empty() {
            comment(text, "Below them, of other use: these stay as they are.");
            line(text, "leave", &list(&self.leave));
        }
        if !self.with_data.is_empty() {
            comment(text, "Below them, of other use: these go back with the data.");
            line(text, "with_data", &list(&self.with_data));
        }
    }

    fn variables(&self, text: &mut String, playbook: &Playbook) {
        if playbook.variables.is_empty() {
            return;
        }
        text.push_str("\n[variables]\n");
        let own = |name: &str| self.values.iter().find(|(known, _)| known == name);
        for (name, value) in &self.values {
            if let Some(variable) = playbook.variables.get(name) {
                comment(text, &variable.about);
            }
            line(text, name, &quoted(value));
        }
        let others = playbook.variables.iter().filter(|(name, _)| own(name).is_none());
        for (i, (name, variable)) in others.enumerate() {
            if i == 0 {
                text.push('\n');
                comment(text, "The others have the playbook's values. Remove the `#` to give one.");
            }
            comment(text, &variable.about);
            match (&variable.default, &variable.same_as) {
                (Some(default), _) => line(text, &format!("#{name}"), &quoted(default)),
                (None, Some(other)) => comment(text, &format!("{name}: the same as {other}")),
                (None, None) => {}
            }
        }
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "{key} = {value}");
}

fn comment(text: &mut String, words: &str) {
    let options = textwrap::Options::new(WIDTH).initial_indent("# ").subsequent_indent("# ");
    let _ = writeln!(text, "{}", textwrap::fill(words, options.break_words(false)));
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list(datasets: &[Dataset]) -> String {
    let names: Vec<String> = datasets.iter().map(|name| quoted(name.as_str())).collect();
    format!("[{}]", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::{Validated, ValidatedSite, library};

    fn draft() -> Draft {
        Draft {
            installed: "2.6".into(),
            upgrade_to: "3.0".into(),
            shown: Some("3.0.1".into()),
            datasets: vec!["tank/tally".parse().expect("name")],
            leave: vec!["tank/tally/dumps".parse().expect("name")],
            with_data: Vec::new(),
            values: vec![("port".into(), "78\"90".into())],
        }
    }

    /// What is written can be read, and says what was found.
    #[test]
    fn a_site_file_with_comments() {
        let playbook = library::find("generic", &[]).expect("built in");
        let text = draft().text(&playbook);
        insta::assert_snapshot!(text, @r##"
        # Written by `backout init` for Tally (an example to copy), version 2.6. What each key means: the
        # operator's guide, "The site file".
        playbook = "generic"

        # The datasets with the data. Each stands for everything below it.
        datasets = ["tank/tally"]
        # Below them, of other use: these stay as they are.
        leave = ["tank/tally/dumps"]

        # The version to upgrade to, or its first parts. This host can get 3.0.1.
        upgrade_to = "3.0"

        [variables]
        # the port that tallyd listens on
        port = '78"90'

        # The others have the playbook's values. Remove the `#` to give one.
        # where Tally keeps its data
        #datadir = "/var/lib/tally"
        # where Tally keeps its change log
        # log_dir: the same as datadir
        # a file with tallyctl's password, in one line, not readable by everyone; empty if it needs none
        #password_file = ""
        "##);
        let read = |text: &str| {
            ValidatedSite::parse("site.toml".as_ref(), text, |_| {
                Ok::<Validated, crate::playbook::Problems>(playbook.clone())
            })
            .map(|(site, _)| site)
        };
        let site = read(&text).expect("a site file");
        assert_eq!(site.values()["port"], "78\"90");
        assert_eq!(site.site().leave.len(), 1);
        let other = Draft { datasets: Vec::new(), leave: Vec::new(), ..draft() };
        assert!(other.text(&playbook).contains("rollback = \"none\""));
    }
}
