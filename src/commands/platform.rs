//! `platform test`.

use crate::cli::PlatformTestArgs;
use crate::ssh::replay::{Replayed, replay};
use crate::ssh::{Platform, PlatformError};
use anyhow::bail;

/// `platform test`: a platform file against recorded sessions.
///
/// # Errors
/// When the file or a transcript can't be used, or an exchange comes to something else than its transcript says.
pub fn test(args: &PlatformTestArgs) -> anyhow::Result<()> {
    let file = args.file.display().to_string();
    let unreadable = |error| PlatformError::Unreadable { path: args.file.clone(), error };
    let text = std::fs::read_to_string(&args.file).map_err(unreadable)?;
    let platform = Platform::parse(&file, &text)?;
    let Replayed { transcripts, exchanges, of_others, otherwise } = replay(&platform, &args.transcript)?;
    otherwise.iter().for_each(|otherwise| println!("{otherwise}"));
    let left_out = match of_others {
        0 => String::new(),
        count => format!("; {count} of other platforms left out"),
    };
    let counted =
        format!("{exchanges} exchanges in {transcripts} transcripts of {}{left_out}", platform.name);
    if !otherwise.is_empty() {
        bail!("{} came to something else, of {counted}", otherwise.len());
    }
    println!("each came to its verdict: {counted}");
    Ok(())
}
