//! The page about platforms names each file, and says how far each is shown.

use super::{BUILT_IN, Platforms};
use std::collections::BTreeMap;

const PAGE: &str = include_str!("../../../docs/platforms.md");

/// Nothing of it was made yet.
const NONE: &str = "–";

/// The cells of each platform's row in the table of what has been shown, by its name.
fn rows() -> BTreeMap<&'static str, Vec<&'static str>> {
    rows_of(9)
}

/// Of the table with so many columns behind the name.
fn rows_of(columns: usize) -> BTreeMap<&'static str, Vec<&'static str>> {
    let lines = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let cells = lines.filter_map(|line| {
        let (name, cells) = line.split_once("` | ")?;
        Some((name, cells.split(" | ").collect::<Vec<_>>()))
    });
    cells.filter(|(_, cells)| cells.len() == columns).collect()
}

fn files() -> Vec<&'static str> {
    BUILT_IN.iter().map(|(name, _)| *name).collect()
}

#[test]
fn each_file_has_a_row_and_a_section_and_each_row_that_shows_something_has_its_file() {
    let rows = rows();
    for file in files() {
        let row = rows.get(file).unwrap_or_else(|| panic!("docs/platforms.md has no row for {file}"));
        assert!(row.iter().any(|cell| *cell != NONE), "{file} has a file, and its row says that it has none");
        assert!(PAGE.contains(&format!("\n### `{file}`\n")), "docs/platforms.md has no section on {file}");
    }
    for (name, cells) in rows {
        let shows = cells.iter().any(|cell| *cell != NONE);
        assert!(!shows || files().contains(&name), "{name} has no file in config/platforms");
    }
}

#[test]
fn each_cell_is_one_of_the_letters_that_the_page_explains() {
    for (name, cells) in rows() {
        assert!(cells.iter().all(|cell| ["D", "S", "P", NONE].contains(cell)), "{name}: {cells:?}");
    }
}

#[test]
fn what_a_device_is_said_to_tell_of_itself_is_what_its_file_asks() {
    let (rows, platforms) = (rows_of(5), Platforms::load(None).expect("those that ship"));
    assert_eq!(rows.len(), files().len());
    for file in files() {
        let platform = platforms.get(file).expect("it ships");
        let identity = platform.identity.as_ref().unwrap_or_else(|| panic!("{file} has no [identity]"));
        let lines = platform.lines.as_ref().map_or(NONE.to_owned(), |lines| format!("`{}`", lines.command));
        let row = &rows[file];
        assert_eq!(row[1] != NONE, identity.tells_serial(), "{file}: serial");
        assert_eq!(row[3], lines, "{file}: lines");
        assert_eq!(row[4] != NONE, platform.lock.is_some(), "{file}: lock");
    }
}
