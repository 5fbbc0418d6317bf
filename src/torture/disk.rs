//! The disk under the embedded store: a small file system of its own that can be filled, where this process may mount one.

use anyhow::{Context as _, bail};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the store of a run may take: more than it ever did.
const BYTES: u64 = 512 << 20;
const BYTES_A_MINUTE: u64 = 64 << 20;

/// A folder for the store.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    is_own: bool,
}

impl Disk {
    /// A file system at this folder if that can be had, and the folder itself if not.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn prepare(folder: PathBuf, minutes: f64) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let bytes = BYTES + (minutes * BYTES_A_MINUTE as f64) as u64;
        let is_own = rustix::process::geteuid().is_root() && mount(&folder, bytes).is_ok();
        Ok(Self { folder, is_own })
    }

    /// Where the store's file is.
    pub fn store(&self) -> PathBuf {
        self.folder.join("switchyard.redb")
    }

    /// Whether it can be filled without harm to others.
    pub fn can_be_full(&self) -> bool {
        self.is_own
    }

    /// Takes all that is free. Blocks.
    ///
    /// # Errors
    /// When it fails for another reason than that nothing is left.
    pub fn fill(&self) -> io::Result<()> {
        let mut ballast = File::create(self.ballast())?;
        match io::copy(&mut io::repeat(0), &mut ballast) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Gives it back.
    ///
    /// # Errors
    /// When it can't be.
    pub fn empty(&self) -> io::Result<()> {
        match std::fs::remove_file(self.ballast()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_own {
            // Lazily: whoever still has a file open there keeps it, and nobody else finds it.
            let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
        }
    }
}

fn mount(folder: &Path, bytes: u64) -> anyhow::Result<()> {
    let size = format!("size={bytes}");
    let mounting =
        Command::new("mount").args(["-t", "tmpfs", "-o", &size, "switchyard-torture"]).arg(folder).output();
    match mounting.context("mount")? {
        output if output.status.success() => Ok(()),
        output => bail!("mount: {}", String::from_utf8_lossy(&output.stderr).trim()),
    }
}
