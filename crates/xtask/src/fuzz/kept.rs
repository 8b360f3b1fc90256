//! What runs have collected and the repository keeps: an archive for each target.
//!
//! A target's corpus is a thousand files of a few hundred bytes each; as files they would be most of the
//! repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;

/// Unpacks a target's archive, if there is one; gives the folder.
pub(super) fn unpack(root: &Path, folder: &Path, target: &str) -> Result<PathBuf> {
    let into = folder.join("kept").join(target);
    if into.exists() {
        fs::remove_dir_all(&into)?;
    }
    fs::create_dir_all(&into)?;
    let archive = archive(root, target);
    if archive.is_file() {
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(&archive).arg("-C").arg(&into);
        succeed(&mut tar)?;
    }
    Ok(into)
}

/// Packs the inputs of these corpora that together reach all that they reach, as few as there need be.
pub(super) fn pack(
    root: &Path,
    folder: &Path,
    program: &Path,
    target: &str,
    corpora: &[PathBuf],
) -> Result<()> {
    let chosen = folder.join("chosen").join(target);
    if chosen.exists() {
        fs::remove_dir_all(&chosen)?;
    }
    fs::create_dir_all(&chosen)?;
    let mut merge = Command::new(program);
    merge.arg("-set_cover_merge=1").arg(&chosen).args(corpora);
    succeed(merge.stdout(Stdio::null()).stderr(Stdio::null()))?;
    let archive = archive(root, target);
    fs::create_dir_all(archive.parent().ok_or("an archive lies in a folder")?)?;
    // The same inputs make the same archive.
    let mut tar = Command::new("tar");
    tar.args([
        "--sort=name",
        "--mtime=@0",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
    ])
    .arg("-C")
    .arg(&chosen)
    .arg("-czf")
    .arg(&archive)
    .arg(".");
    succeed(&mut tar)?;
    let inputs = fs::read_dir(&chosen)?.count();
    let bytes = archive.metadata()?.len();
    println!("{target:<12} {inputs} inputs kept in {bytes} bytes");
    Ok(())
}

fn archive(root: &Path, target: &str) -> PathBuf {
    root.join("fuzz/kept").join(format!("{target}.tar.gz"))
}

fn succeed(command: &mut Command) -> Result<()> {
    match command.status()?.success() {
        true => Ok(()),
        false => Err(format!("{command:?} failed").into()),
    }
}
