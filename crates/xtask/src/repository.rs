//! The repository's files, as the checks see them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// Folders that hold what tools made: never part of the repository.
const IGNORED_FOLDERS: [&str; 5] = [".git", "node_modules", "target", "__pycache__", ".venv"];

/// The files under version control, with their text, and where they are.
///
/// A check takes this and nothing else, so that a test can give it a made-up repository.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    root: PathBuf,
    /// Path from the root, with `/`, to the text; what is not UTF-8 has an empty one.
    files: BTreeMap<String, String>,
}

impl Repository {
    /// The repository this tool was built from.
    pub(crate) fn open() -> Result<Self> {
        let root = root()?;
        let mut files = BTreeMap::new();
        for path in tracked_paths(&root)? {
            let Ok(bytes) = fs::read(root.join(&path)) else {
                continue; // deleted in the working tree, or a link that leads nowhere
            };
            files.insert(path, String::from_utf8(bytes).unwrap_or_default());
        }
        Ok(Self { root, files })
    }

    /// A repository of these files, for tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let own = |&(path, text): &(&str, &str)| (path.to_owned(), text.to_owned());
        Self {
            root: PathBuf::new(),
            files: files.iter().map(own).collect(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The text of a file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// The text of a file that must be there.
    pub(crate) fn expect_text(&self, path: &str) -> Result<&str> {
        self.text(path)
            .ok_or_else(|| format!("{path} is missing").into())
    }

    /// Every file: its path and text, by path.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The files whose path ends so.
    pub(crate) fn files_ending(&self, end: &str) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(move |(path, _)| path.ends_with(end))
    }

    /// A file or a folder of this path is part of the repository; the empty path is its root.
    pub(crate) fn holds(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        path.is_empty()
            || self.files.contains_key(path)
            || self.files.keys().any(|file| file.starts_with(&folder))
    }
}

/// The repository's root, two folders above this crate.
pub(crate) fn root() -> Result<PathBuf> {
    let crate_folder = std::env::var_os("CARGO_MANIFEST_DIR")
        .ok_or("CARGO_MANIFEST_DIR is not set: run this tool as `cargo xtask`")?;
    let root = Path::new(&crate_folder).ancestors().nth(2);
    Ok(root.ok_or("the tool's crate is not in crates/")?.to_owned())
}

/// What git tracks or would add; without git or a repository of its own, what lies there.
fn tracked_paths(root: &Path) -> Result<Vec<String>> {
    let listed = Command::new("git")
        // A checkout that another user owns is read all the same: nothing in it is run by git here.
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .args(["--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output();
    match listed {
        Ok(output) if output.status.success() => {
            let list = String::from_utf8(output.stdout)?;
            Ok(list
                .split('\0')
                .filter(|path| !path.is_empty())
                .map(str::to_owned)
                .collect())
        }
        _ => {
            let mut paths = Vec::new();
            walk(root, "", &mut paths)?;
            Ok(paths)
        }
    }
}

fn walk(folder: &Path, prefix: &str, paths: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if !entry.file_type()?.is_dir() {
            paths.push(path);
        } else if !IGNORED_FOLDERS.contains(&name.as_str()) {
            walk(&entry.path(), &format!("{path}/"), paths)?;
        }
    }
    Ok(())
}
