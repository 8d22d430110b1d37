//! The lists of what users have, each user's items by themselves.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};

use super::compare::{Difference, compare};
use crate::journal::Proof;
use crate::playbook::Extractor;

/// Each user's items, sorted: the lines of a list that belong to the user.
pub type Items = BTreeMap<String, Vec<String>>;

/// The lines that belong to these users. The pattern finds the user's name.
///
/// # Errors
/// When it is found in no line.
pub fn items(text: &str, pattern: &Extractor, users: &[String]) -> Result<Items> {
    let wanted: BTreeSet<&str> = users.iter().map(String::as_str).collect();
    // With a pattern that matches no line, every comparison would succeed.
    if text.lines().any(|line| !line.trim().is_empty()) && pattern.find_in_lines(text).is_none() {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        bail!(
            "no line of the list matches its pattern for users, /{pattern}/; the first is: {first}"
        );
    }
    let mut items: Items = users.iter().map(|user| (user.clone(), Vec::new())).collect();
    for line in text.lines() {
        let user = pattern.find(line);
        if let Some(list) =
            user.filter(|user| wanted.contains(user)).and_then(|user| items.get_mut(user))
        {
            list.push(line.to_owned());
        }
    }
    items.values_mut().for_each(|list| list.sort_unstable());
    Ok(items)
}

/// Compares what a user had with what the user has, and returns the items that differ.
///
/// # Errors
/// When the items are not sorted.
pub fn prove(
    expected: &Items,
    found: &Items,
    user: &str,
) -> Result<(Proof, Vec<(Difference, String)>)> {
    let list = |items: &Items| {
        items.get(user).cloned().unwrap_or_default().into_iter().map(|line| Ok(line.into_bytes()))
    };
    let mut differing = Vec::new();
    let proof = compare(list(expected), list(found), |what, item| {
        differing.push((what, String::from_utf8_lossy(item).into_owned()));
        Ok(())
    });
    Ok((proof.with_context(|| format!("what {user} has could not be compared"))?, differing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_belong_to_the_user_whose_name_is_whole() {
        let pattern = r"^user/([^/|]+)".to_owned().try_into().unwrap();
        let text = "user/ann|1|x\nuser/anna|2|x\nuser/ann/Sent|3|x\nheading\nuser/ben|4|x\n";
        let found = items(text, &pattern, &["ann".to_owned(), "cleo".to_owned()]).unwrap();
        assert_eq!(found["ann"], ["user/ann/Sent|3|x", "user/ann|1|x"]);
        assert!(found["cleo"].is_empty());
        assert_eq!(found.len(), 2);
        assert!(items("", &pattern, &["ann".to_owned()]).is_ok());
        let text = items("box ann 1\n", &pattern, &["ann".to_owned()]).unwrap_err().to_string();
        assert!(text.ends_with("the first is: box ann 1"), "{text}");
    }

    #[test]
    fn each_user_is_compared_alone() {
        let pattern = "^(ann|ben)".to_owned().try_into().unwrap();
        let of = |text: &str| items(text, &pattern, &["ann".to_owned(), "ben".to_owned()]).unwrap();
        let (expected, found) = (of("ann 1\nann 2\nben 1\n"), of("ann 2\nben 1\nann 3\n"));
        let (proof, differing) = prove(&expected, &found, "ann").unwrap();
        assert_eq!((proof.missing, proof.unexpected), (1, 1));
        let expected_items = [(Difference::Missing, "ann 1"), (Difference::Unexpected, "ann 3")];
        assert_eq!(differing, expected_items.map(|(what, item)| (what, item.to_owned())));
        assert!(prove(&expected, &found, "ben").unwrap().0.holds());
    }
}
