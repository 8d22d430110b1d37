//! What others may do with a dataset (`zfs-allow(8)`). A clone has none of it.

use super::Dataset;

/// What `zfs allow` prints of one dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delegations {
    /// Each as the words that give it again: `zfs allow` and these, then the dataset.
    pub given: Vec<Vec<String>>,
    /// Lines with another form.
    pub unknown: Vec<String>,
}

impl Delegations {
    /// Whether nobody was given anything.
    pub fn is_empty(&self) -> bool {
        self.given.is_empty() && self.unknown.is_empty()
    }
}

/// The part of `zfs allow DATASET` about the dataset itself, without those about the datasets above
/// it.
pub fn delegations(text: &str, dataset: &Dataset) -> Delegations {
    // Dashes fill the line; a long name leaves no room for them.
    let head = format!("---- Permissions on {dataset} ");
    let is_head = |line: &&str| {
        line.strip_prefix(&head).is_some_and(|rest| rest.trim_matches('-').is_empty())
    };
    let part = text.lines().skip_while(|line| !is_head(line)).skip(1);
    let mut all = Delegations::default();
    let mut flags: Option<&[&str]> = None;
    for line in part.take_while(|line| !line.starts_with("---- ")).filter(|line| !line.is_empty()) {
        let Some(entry) = line.strip_prefix('\t') else {
            flags = match line {
                "Permission sets:" => Some(&["-s"]),
                "Create time permissions:" => Some(&["-c"]),
                "Local permissions:" => Some(&["-l"]),
                "Descendent permissions:" | "Descendant permissions:" => Some(&["-d"]),
                "Local+Descendent permissions:" | "Local+Descendant permissions:" => Some(&[]),
                _ => None,
            };
            if flags.is_none() {
                all.unknown.push(line.to_owned());
            }
            continue;
        };
        match flags.and_then(|flags| words(flags, entry)) {
            Some(words) => all.given.push(words),
            None => all.unknown.push(entry.to_owned()),
        }
    }
    all
}

fn words(flags: &[&str], entry: &str) -> Option<Vec<String>> {
    let given =
        |more: &[&str]| Some([flags, more].concat().into_iter().map(str::to_owned).collect());
    match (flags.first(), entry.split_once(' ')) {
        // A set is named with an `@`; it is given with its permissions.
        (Some(&"-s"), Some((set, permissions))) if set.starts_with('@') => {
            given(&[set, permissions])
        }
        (Some(&"-c"), None) => given(&[entry]),
        (Some(&"-s" | &"-c"), _) => None,
        (_, Some(("everyone", permissions))) => given(&["-e", permissions]),
        (_, Some((kind @ ("user" | "group"), rest))) => {
            // The name may have spaces, the permissions have none. A number without a name is
            // printed as `(unknown: NUMBER)`.
            let (who, permissions) = rest.rsplit_once(' ')?;
            let number = who.strip_prefix("(unknown: ").and_then(|who| who.strip_suffix(')'));
            given(&[if kind == "user" { "-u" } else { "-g" }, number.unwrap_or(who), permissions])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "---- Permissions on tank/db -----------------------------\n\
        Permission sets:\n\t@all mount,snapshot\n\
        Create time permissions:\n\tcreate,destroy\n\
        Local permissions:\n\tgroup staff mount\n\
        Descendent permissions:\n\teveryone mount\n\
        Local+Descendent permissions:\n\tuser bob @all,compression\n\tuser (unknown: 1234) hold\n\twizard x y\n\
        ---- Permissions on tank --------------------------------\n\
        Local permissions:\n\tgroup staff mount\n";

    #[test]
    fn each_is_given_again_in_its_own_words() {
        let all = delegations(TEXT, &"tank/db".parse().unwrap());
        let given: Vec<String> = all.given.iter().map(|words| words.join(" ")).collect();
        assert_eq!(
            given,
            [
                "-s @all mount,snapshot",
                "-c create,destroy",
                "-l -g staff mount",
                "-d -e mount",
                "-u bob @all,compression",
                "-u 1234 hold",
            ]
        );
        assert_eq!(all.unknown, ["wizard x y"]);
    }

    #[test]
    fn what_is_given_above_or_beside_is_not_of_the_dataset() {
        assert!(delegations(TEXT, &"tank/db/log".parse().unwrap()).is_empty());
        assert!(delegations("", &"tank/db".parse().unwrap()).is_empty());
        let spaced = TEXT.replace("tank/db", "tank/db x");
        assert!(delegations(&spaced, &"tank/db".parse().unwrap()).is_empty());
        let long = format!("tank/{}", "x".repeat(60));
        let text = format!("---- Permissions on {long} \nLocal permissions:\n\tuser bob mount\n");
        assert_eq!(
            delegations(&text, &long.parse().unwrap()).given,
            [["-l", "-u", "bob", "mount"]]
        );
        assert_eq!(delegations(TEXT, &"tank".parse().unwrap()).given.len(), 1);
    }
}
