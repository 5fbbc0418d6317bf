//! The page about platforms names each file, and says how far each is shown.

use super::BUILT_IN;
use std::collections::BTreeMap;

const PAGE: &str = include_str!("../../../docs/platforms.md");

/// Nothing of it was made yet.
const NONE: &str = "–";

/// The cells of each platform's row, by its name.
fn rows() -> BTreeMap<&'static str, Vec<&'static str>> {
    let lines = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let cells = lines.filter_map(|line| {
        let (name, cells) = line.split_once("` | ")?;
        Some((name, cells.split(" | ").collect::<Vec<_>>()))
    });
    cells.filter(|(_, cells)| cells.len() == 9).collect()
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
