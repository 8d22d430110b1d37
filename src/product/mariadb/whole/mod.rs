//! Tables that a replay cannot bring back faithfully. They are noticed in the log, written out as
//! rows by the new version, and loaded by the old one.

pub(super) mod ddl;
mod differing;
mod load;
mod notice;
pub(super) mod schema;
mod touched;
mod write;

use std::fmt;

pub(in crate::product) use differing::differing;
pub(in crate::product) use load::load;
pub(in crate::product) use notice::notice;
pub(super) use notice::whole_tables;
pub(super) use touched::Touched;
pub(in crate::product) use write::{inserts, item};

pub(super) use ddl::of as read_ddl;
pub(super) use load::{SETTINGS, emptied, triggers_of, without_triggers};
pub(super) use notice::reason;
pub(super) use schema::Table;
pub(super) use touched::Touch;

use super::name::TableName;

/// A table's name for people and for arguments: `shop.orders`, with backticks where a name is not
/// plain. Without a table, the schema's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item(pub(super) TableName);

impl Item {
    /// Reads what is printed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let schema = part(&mut rest)?;
        rest = rest.strip_prefix('.')?;
        let table = part(&mut rest)?;
        rest.is_empty().then_some(Self((schema.into_bytes(), table.into_bytes())))
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-'))
}

/// The next name of a text.
fn part(rest: &mut &str) -> Option<String> {
    let Some(quoted) = rest.strip_prefix('`') else {
        let end = rest.find('.').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        *rest = after;
        return is_plain(name).then(|| name.to_owned());
    };
    let (mut name, mut letters) = (String::new(), quoted.char_indices().peekable());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '`' if letters.next_if(|(_, next)| *next == '`').is_some() => name.push('`'),
            '`' => {
                *rest = &quoted[at + 1..];
                return Some(name);
            }
            '\\' => name.push(match letters.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            }),
            other => name.push(other),
        }
    }
    None
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self((schema, table)) = self;
        let parts = [Some(schema), Some(table).filter(|table| !table.is_empty())];
        for (i, name) in parts.into_iter().flatten().enumerate() {
            let name = String::from_utf8_lossy(name);
            let dot = if i == 0 && !table.is_empty() { "." } else { "" };
            if is_plain(&name) {
                write!(f, "{name}{dot}")?;
                continue;
            }
            let name = name.replace('\\', "\\\\").replace('`', "``").replace('\n', "\\n");
            let name = name.replace('\t', "\\t").replace('\r', "\\r");
            write!(f, "`{name}`{dot}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_printed() {
        for (schema, table, shown) in [
            ("shop", "orders", "shop.orders"),
            ("shop", "a.b", "shop.`a.b`"),
            ("a`b", "x\ty\\n", "`a``b`.`x\\ty\\\\n`"),
            ("größe", "x", "größe.x"),
        ] {
            let item = Item((schema.into(), table.into()));
            assert_eq!(item.to_string(), shown);
            assert_eq!(Item::parse(shown), Some(item), "{shown}");
        }
        for wrong in ["", "shop", "shop.", ".x", "shop.`x", "shop.x.y", "shop.x; DROP"] {
            assert_eq!(Item::parse(wrong), None, "{wrong}");
        }
    }
}
