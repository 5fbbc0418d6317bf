//! A file that is there whole or not at all: it is written under another name, synced, and only then given its own,
//! which it never takes from another file. Only its owner may read it.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// A file in the making. Dropped, it is gone.
#[derive(Debug)]
pub struct Draft {
    at: PathBuf,
    file: File,
}

impl Draft {
    /// Begins one at `at`, where there must be nothing.
    pub fn begin(at: PathBuf) -> Result<Self> {
        let file = private(OpenOptions::new().read(true).write(true).create_new(true)).open(&at)?;
        Ok(Self { at, file })
    }

    /// What is written to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives it its name, for good.
    pub fn name(self, path: &Path) -> Result<()> {
        self.file.sync_all()?;
        // Unlike renaming, linking never replaces a file.
        match std::fs::hard_link(&self.at, path) {
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
                rename_if_free(&self.at, path)?;
            }
            linked => linked?,
        }
        sync_name(path)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After its naming this is one of two names, or none.
        let _ = std::fs::remove_file(&self.at);
    }
}

/// For file systems that have no links.
fn rename_if_free(from: &Path, path: &Path) -> Result<()> {
    if path.try_exists()? { Err(Error::from(ErrorKind::AlreadyExists)) } else { std::fs::rename(from, path) }
}

/// For its owner only, where it is made.
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

/// A name can be lost in a power cut, with all that was synced into its file, until its directory is synced.
pub fn sync_name(path: &Path) -> Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
