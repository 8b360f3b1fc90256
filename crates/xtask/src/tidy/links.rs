//! Links between documents lead somewhere: the relative ones, and those to the repository's address.

use std::collections::HashSet;

use crate::problem::Problem;
use crate::repository::Repository;

/// The guide is a book too, which holds no file from outside of this folder.
const BOOK: &str = "docs/guide/src/";
/// Where the repository is published, ahead of a path from its root.
const PUBLISHED: [&str; 2] = [
    "https://github.com/trunkline/trunkline/blob/main/",
    "https://github.com/trunkline/trunkline/tree/main/",
];

pub(super) fn check(repository: &Repository) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in repository.files_ending(".md") {
        for (line, link) in links(text) {
            if let Some(fault) = fault(repository, path, &link) {
                problems.push(Problem::at_line(path, line, format!("{link}: {fault}")));
            }
        }
    }
    problems
}

/// The targets of inline links outside code, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (line, prose) in prose_lines(text) {
        for (at, _) in prose.match_indices("](") {
            let target = &prose[at + 2..];
            if let Some(end) = target.find([')', ' ']) {
                links.push((line, target[..end].trim_matches(['<', '>']).to_owned()));
            }
        }
    }
    links
}

/// Lines outside fenced code, counted from 1, with inline code taken out.
fn prose_lines(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then(|| (index + 1, without_code(line)))
    })
}

/// Every second part between backticks is code.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

fn fault(repository: &Repository, from: &str, link: &str) -> Option<&'static str> {
    let published = PUBLISHED.iter().find_map(|base| link.strip_prefix(base));
    if published.is_none() && (link.contains("://") || link.starts_with("mailto:")) {
        return None;
    }
    let link = published.unwrap_or(link);
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let from = if published.is_some() { "" } else { from };
    let Some(target) = resolve(from, file) else {
        return Some("leads out of the repository");
    };
    if from.starts_with(BOOK) && !target.starts_with(BOOK) {
        return Some("leads out of the book: give the repository's address");
    }
    if !repository.holds(&target) {
        return Some("no such file");
    }
    let text = repository
        .text(&target)
        .filter(|_| target.ends_with(".md"))?;
    (!anchor.is_empty() && !anchors(text).contains(anchor)).then_some("no such heading")
}

/// The path from the root that a link means; `None` above the root.
fn resolve(from: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The anchors of a document: of its headings, as forges make them, and those set by hand.
fn anchors(text: &str) -> HashSet<String> {
    let mut anchors = HashSet::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if !fenced && let Some(heading) = heading(line) {
            insert_numbered(&mut anchors, slug(heading));
        }
        for mark in ["id=\"", "name=\""] {
            let set = line
                .split(mark)
                .skip(1)
                .filter_map(|rest| rest.split('"').next());
            anchors.extend(set.map(str::to_owned));
        }
    }
    anchors
}

fn heading(line: &str) -> Option<&str> {
    let title = line.trim_start_matches('#');
    (title.len() < line.len()).then_some(title.strip_prefix(' ')?.trim())
}

/// A second heading of the same text gets a number.
fn insert_numbered(anchors: &mut HashSet<String>, slug: String) {
    let numbered = (1..).map(|number| format!("{slug}-{number}"));
    if let Some(free) = std::iter::once(slug.clone())
        .chain(numbered)
        .find(|name| !anchors.contains(name))
    {
        anchors.insert(free);
    }
}

fn slug(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c))
        .collect::<String>();
    kept.replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(document: &str) -> usize {
        let target = "# Close codes: what they say\n\n## Twice\n\n## Twice\n\n<a id=\"s-1\"></a>\n";
        let files = [
            ("docs/a.md", document),
            ("docs/b.md", target),
            ("README.md", ""),
        ];
        check(&Repository::of(&files)).len()
    }

    #[test]
    fn links_to_files_folders_and_headings_are_followed() {
        assert_eq!(
            problems("[b](b.md) [r](../README.md) [d](../docs/) [web](https://x.y/z)"),
            0
        );
        assert_eq!(
            problems("[b](b.md#close-codes-what-they-say) [c](b.md#twice-1) [d](b.md#s-1)"),
            0
        );
        assert_eq!(problems("# Here\n[b](#here)"), 0);
    }

    #[test]
    fn broken_links_are_found() {
        assert_eq!(problems("[b](c.md)"), 1);
        assert_eq!(problems("[b](b.md#nowhere)"), 1);
        assert_eq!(problems("[b](../../b.md)"), 1);
        assert_eq!(problems("[b](#nowhere)"), 1);
    }

    #[test]
    fn links_to_the_repositorys_address_are_followed() {
        let published = |path: &str| problems(&format!("[b]({}{path})", PUBLISHED[0]));
        assert_eq!(published("docs/b.md"), 0);
        assert_eq!(published("docs/b.md#twice"), 0);
        assert_eq!(published("docs/c.md"), 1);
        assert_eq!(published("docs/b.md#nowhere"), 1);
        assert_eq!(
            problems("[d](https://github.com/trunkline/trunkline/tree/main/docs)"),
            0
        );
    }

    #[test]
    fn no_relative_link_leads_out_of_the_book() {
        let chapter = |text| {
            let files = [
                ("docs/guide/src/a.md", text),
                ("docs/guide/src/b.md", ""),
                ("README.md", ""),
            ];
            check(&Repository::of(&files)).len()
        };
        assert_eq!(chapter("[b](b.md)"), 0);
        assert_eq!(chapter("[r](../../../README.md)"), 1);
        assert_eq!(
            chapter("[r](https://github.com/trunkline/trunkline/blob/main/README.md)"),
            0
        );
    }

    #[test]
    fn what_looks_like_a_link_in_code_is_none() {
        assert_eq!(problems("`[b](c.md)`\n```\n[b](c.md)\n```\n"), 0);
    }
}
