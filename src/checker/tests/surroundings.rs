//! What the checker may know.

use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).expect("a folder of sources").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let inner = folders.iter().filter(|folder| !folder.ends_with("tests")).flat_map(|folder| sources(folder));
    files.into_iter().chain(inner).collect()
}

#[test]
fn no_part_of_the_service_is_named_and_the_simulator_by_the_witness_alone() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/checker"));
    assert!(sources.len() > 20, "{sources:?}");
    for path in sources {
        let text = std::fs::read_to_string(&path).expect("a source");
        let named = text.match_indices("crate::").map(|(at, _)| &text[at..]).collect::<Vec<_>>();
        let is_witness = path.ends_with("witness.rs");
        let may_be = |name: &str| is_witness && name.starts_with("crate::simulator::");
        assert!(named.into_iter().all(may_be), "{}", path.display());
        assert!(!text.contains("switchyard_actors"), "{}", path.display());
    }
}
