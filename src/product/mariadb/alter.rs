//! How an ALTER is done is the server's own affair: the new version has algorithms and locks that
//! the old one lacks for the same change, and the result is the same with any.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// Statements that may end with these clauses. In others, an expression may look like one.
static STATEMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = concat!(
        r"(?is-u)\A(?:\s|/\*[^!M].*?\*/|--\s[^\n]*\n|\#[^\n]*\n)*",
        r"(?:ALTER\s+(?:ONLINE\s+)?(?:IGNORE\s+)?TABLE|",
        r"(?:CREATE|DROP)\s+(?:OR\s+REPLACE\s+)?(?:ONLINE\s+)?",
        r"(?:(?:UNIQUE|FULLTEXT|SPATIAL)\s+)?INDEX)\s"
    );
    Regex::new(words).ok()
});

/// The last clause. It cannot be the end of a text or a name, which end with a quote.
static LAST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = r"(?is-u)(?:,\s*|\s)(?:LOCK|ALGORITHM)\s*=?\s*(?:DEFAULT|NONE|SHARED|EXCLUSIVE|INPLACE|COPY|NOCOPY|INSTANT)\s*\z";
    Regex::new(words).ok()
});

/// The statement without the clauses `ALGORITHM` and `LOCK` at its end.
pub(super) fn without_how(statement: &[u8]) -> &[u8] {
    let (Some(begins), Some(last)) = (STATEMENT.as_ref(), LAST.as_ref()) else { return statement };
    let mut rest = statement;
    if begins.is_match(rest) {
        while let Some(found) = last.find(rest) {
            rest = &rest[..found.start()];
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    fn without_how(text: &str) -> &str {
        std::str::from_utf8(super::without_how(text.as_bytes())).unwrap()
    }

    #[test]
    fn algorithm_and_lock_at_the_end_are_left_out() {
        let plain = "ALTER TABLE `s`.`t` MODIFY a DATETIME";
        for end in [
            ", LOCK=NONE",
            ", ALGORITHM=COPY, LOCK=NONE",
            ",algorithm copy",
            ", ALGORITHM = INSTANT , LOCK = DEFAULT \n",
        ] {
            assert_eq!(without_how(&format!("{plain}{end}")), plain);
        }
        let index = "/* a */ create unique index i on t (a)";
        assert_eq!(without_how(&format!("{index} ALGORITHM=NOCOPY LOCK=NONE")), index);
    }

    #[test]
    fn what_only_looks_so_stays() {
        for text in [
            "ALTER TABLE t COMMENT='x, LOCK=NONE'",
            "ALTER TABLE t RENAME TO `a, LOCK=NONE`",
            "ALTER TABLE t ADD `lock` INT",
            "ALTER EVENT e DO SELECT a, LOCK=NONE",
            "ALTER VIEW v AS SELECT a, ALGORITHM=COPY",
            "UPDATE t SET a = 1, LOCK=NONE",
            "ALTER TABLE t ADD v INT /* , LOCK=NONE */",
        ] {
            assert_eq!(without_how(text), text);
        }
    }
}
