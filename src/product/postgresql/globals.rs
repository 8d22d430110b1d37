//! What the newer server's tools write, in the older server's words. What it has no words for is
//! named.

use std::collections::HashMap;

use super::statements::token;

/// What becomes of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// For the older server; nothing is left of some.
    pub(super) sql: Option<String>,
    /// What is not in it any more.
    pub(super) lost: Option<String>,
}

impl Told {
    fn as_is(sql: &str) -> Self {
        Self { sql: Some(sql.to_owned()), lost: None }
    }
}

/// Puts statements into the older server's words, one after the other.
#[derive(Debug, Default)]
pub(super) struct Translator {
    /// Of each role, as it is written: whether it has the rights of those that it is a member of.
    inherits: HashMap<String, bool>,
    /// Who owns what the last privileges are about: theirs are taken away first, and given again.
    owner: String,
}

impl Translator {
    pub(super) fn tell(&mut self, sql: &str) -> Told {
        let words = words(sql);
        let text: Vec<&str> = words.iter().map(|(at, end)| &sql[*at..*end]).collect();
        match text.as_slice() {
            ["SET", "transaction_timeout", ..] => Told { sql: None, lost: None },
            ["ALTER", "ROLE", role, "WITH", options @ ..] => {
                if options.contains(&"NOINHERIT") {
                    self.inherits.insert((*role).to_owned(), false);
                }
                Told::as_is(sql)
            }
            ["GRANT", rest @ ..] if !rest.contains(&"ON") && rest.contains(&"TO") => {
                self.membership(sql, rest)
            }
            rest if rest.contains(&"MAINTAIN") && rest.contains(&"ON") => {
                let mut told = without_maintain(sql, &words, rest);
                // An owner may do all that, in the older version, too.
                let to = rest.iter().rposition(|word| *word == "TO").unwrap_or(0);
                if rest.get(to + 1).is_some_and(|grantee| *grantee == self.owner) {
                    told.lost = None;
                }
                told
            }
            [.., "FROM", who, ";"]
                if *who != "PUBLIC" && text.windows(2).any(|pair| pair == ["REVOKE", "ALL"]) =>
            {
                (*who).clone_into(&mut self.owner);
                Told::as_is(sql)
            }
            _ => Told::as_is(sql),
        }
    }

    /// `GRANT role TO member WITH ADMIN OPTION, INHERIT TRUE, SET TRUE GRANTED BY grantor;`
    fn membership(&self, sql: &str, rest: &[&str]) -> Told {
        let [role, "TO", member, rest @ ..] = rest else { return Told::as_is(sql) };
        let says = |name: &str, value: &str| {
            rest.windows(2).any(|pair| pair[0] == name && pair[1] == value)
        };
        let mut told = format!("GRANT {role} TO {member}");
        if says("ADMIN", "OPTION") || says("ADMIN", "TRUE") {
            told.push_str(" WITH ADMIN OPTION");
        }
        if let Some(at) = rest.windows(2).position(|pair| pair == ["GRANTED", "BY"])
            && let Some(grantor) = rest.get(at + 2)
        {
            told.push_str(&format!(" GRANTED BY {grantor}"));
        }
        told.push(';');
        let inherits = self.inherits.get(*member).copied().unwrap_or(true);
        let mut lost = Vec::new();
        if says("SET", "FALSE") {
            lost.push("SET FALSE");
        }
        if inherits && says("INHERIT", "FALSE") {
            lost.push("INHERIT FALSE");
        }
        if !inherits && says("INHERIT", "TRUE") {
            lost.push("INHERIT TRUE");
        }
        let lost = (!lost.is_empty())
            .then(|| format!("GRANT {role} TO {member}: WITH {}", lost.join(", ")));
        Told { sql: Some(told), lost }
    }
}

/// The privilege that 17 added is taken out of the list of a GRANT or a REVOKE.
fn without_maintain(sql: &str, words: &[(usize, usize)], text: &[&str]) -> Told {
    let before_on = text.iter().position(|word| *word == "ON").unwrap_or(0);
    let Some(at) = text[..before_on].iter().position(|word| *word == "MAINTAIN") else {
        return Told::as_is(sql);
    };
    let (from, to) = words[at];
    let comma = |word: Option<&&str>| word.is_some_and(|word| *word == ",");
    let mut told = sql.to_owned();
    let left = if comma(text.get(at + 1)) {
        told.replace_range(from..words[at + 1].1, "");
        true
    } else if at > 0 && comma(text.get(at - 1)) {
        told.replace_range(words[at - 1].0..to, "");
        true
    } else {
        false
    };
    let is_grant = text[..at].contains(&"GRANT");
    let lost = is_grant.then(|| {
        let behind: String = sql[words[before_on].0..].trim_end_matches(';').to_owned();
        format!("GRANT MAINTAIN {behind}")
    });
    Told { sql: left.then_some(told), lost }
}

/// Where the words are, quoted ones whole.
fn words(sql: &str) -> Vec<(usize, usize)> {
    let (mut at, mut found) = (0, Vec::new());
    while let Some((length, _)) = token(&sql[at..]) {
        if !sql[at..at + length].trim().is_empty() {
            found.push((at, at + length));
        }
        at += length;
    }
    found
}

/// What a statement is about, without what it says: that may be a secret.
pub(super) fn label(sql: &str) -> String {
    let words = words(sql);
    let kept = words.iter().map(|(at, end)| &sql[*at..*end]).take_while(|word| {
        !matches!(*word, "WITH" | "IS" | "PASSWORD" | "SET" | ";") && !word.starts_with('\'')
    });
    let text = kept.collect::<Vec<_>>().join(" ").replace(" . ", ".").replace(" , ", ", ");
    let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > 160 {
        text = text.chars().take(160).collect::<String>() + "...";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sql: &str) -> (Option<String>, Option<String>) {
        let mut translator = Translator::default();
        translator.tell("ALTER ROLE bob WITH NOSUPERUSER NOINHERIT LOGIN;");
        let told = translator.tell(sql);
        (told.sql, told.lost)
    }

    fn is(sql: &str) -> Option<String> {
        Some(sql.to_owned())
    }

    #[test]
    fn memberships_lose_the_words_that_the_older_server_lacks() {
        let ours = "GRANT \"a b\" TO alice WITH ADMIN OPTION, INHERIT TRUE GRANTED BY postgres;";
        let theirs = "GRANT \"a b\" TO alice WITH ADMIN OPTION GRANTED BY postgres;";
        assert_eq!(told(ours), (is(theirs), None));
        assert_eq!(told("GRANT a TO bob WITH INHERIT FALSE GRANTED BY postgres;").1, None);
        assert_eq!(
            told("GRANT a TO bob WITH INHERIT TRUE GRANTED BY postgres;").1,
            is("GRANT a TO bob: WITH INHERIT TRUE")
        );
        assert_eq!(
            told("GRANT a TO c WITH INHERIT FALSE, SET FALSE GRANTED BY postgres;"),
            (
                is("GRANT a TO c GRANTED BY postgres;"),
                is("GRANT a TO c: WITH SET FALSE, INHERIT FALSE")
            )
        );
    }

    #[test]
    fn the_privilege_of_17_is_taken_out_and_named() {
        assert_eq!(
            told("GRANT SELECT,MAINTAIN ON TABLE s.t TO alice;"),
            (is("GRANT SELECT ON TABLE s.t TO alice;"), is("GRANT MAINTAIN ON TABLE s.t TO alice"))
        );
        assert_eq!(
            told("GRANT MAINTAIN,UPDATE ON TABLE s.t TO alice;").0,
            is("GRANT UPDATE ON TABLE s.t TO alice;")
        );
        assert_eq!(
            told("GRANT MAINTAIN ON TABLE \"MAINTAIN\" TO alice WITH GRANT OPTION;"),
            (None, is("GRANT MAINTAIN ON TABLE \"MAINTAIN\" TO alice WITH GRANT OPTION"))
        );
        assert_eq!(
            told("ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA s GRANT SELECT,MAINTAIN ON TABLES TO b;").0,
            is("ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA s GRANT SELECT ON TABLES TO b;")
        );
        for same in ["GRANT ALL ON TABLE t TO a;", "GRANT SELECT ON TABLE maintain TO a;"] {
            assert_eq!(told(same), (is(same), None));
        }
        assert_eq!(told("SET transaction_timeout = 0;"), (None, None));
    }

    #[test]
    fn what_an_owner_may_do_anyway_is_not_named() {
        let mut translator = Translator::default();
        let mut tell = |sql: &str| translator.tell(sql);
        tell("REVOKE ALL ON TABLE s.\"a b\" FROM alice;");
        assert_eq!(tell("GRANT SELECT,MAINTAIN ON TABLE s.\"a b\" TO alice;").lost, None);
        assert!(tell("GRANT SELECT,MAINTAIN ON TABLE s.\"a b\" TO bob;").lost.is_some());
        tell("ALTER DEFAULT PRIVILEGES FOR ROLE bob REVOKE ALL ON TABLES FROM bob;");
        let again = "ALTER DEFAULT PRIVILEGES FOR ROLE bob GRANT SELECT,MAINTAIN ON TABLES TO bob;";
        assert_eq!(tell(again).lost, None);
    }

    #[test]
    fn a_label_has_no_secret() {
        let password = "ALTER ROLE alice WITH LOGIN PASSWORD 'SCRAM-SHA-256$x';";
        assert_eq!(label(password), "ALTER ROLE alice");
        assert_eq!(label("COMMENT ON ROLE \"a b\" IS 'x';"), "COMMENT ON ROLE \"a b\"");
        assert_eq!(label("GRANT a TO b;"), "GRANT a TO b");
    }
}
