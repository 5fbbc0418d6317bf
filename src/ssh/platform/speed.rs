//! A speed as a device tells it: a bare number, which the file's divisor makes kbit/s, or one behind which a unit stands.

use super::captured::Captured;
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// What a unit is in bit/s.
pub(super) type Units = BTreeMap<String, u64>;

/// Where a speed stands, and what its number counts.
#[derive(Debug)]
pub(super) struct Speed {
    pub places: Captured,
    /// Of a bare number.
    pub divisor: NonZeroU64,
    /// Of a number that has one; one that isn't listed makes it no speed.
    pub units: Units,
}

impl Speed {
    /// In kbit/s; `None` where there is none, and 0 is none.
    pub fn kbps(&self, output: &str) -> Option<u64> {
        self.places.value(output, |text| self.parse(text)).filter(|kbps| *kbps > 0)
    }

    fn parse(&self, text: &str) -> Option<u64> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let number: u64 = number.parse().ok()?;
        match unit.trim_start() {
            "" => Some(number / self.divisor),
            unit => Some(number.checked_mul(*self.units.get(unit)?)? / 1_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    fn speed(divisor: u64, units: &[(&str, u64)]) -> Speed {
        let units = units.iter().map(|(name, bits)| ((*name).to_owned(), *bits)).collect();
        let divisor = NonZeroU64::new(divisor).expect("not nothing");
        Speed { places: Captured::of(&[Regex::new(r"rate (\S+)").expect("a pattern")]), divisor, units }
    }

    #[test]
    fn a_bare_number_goes_by_the_divisor_and_one_with_a_unit_by_the_unit_alone() {
        let told = speed(125, &[("bit", 1), ("Kbit", 1_000), ("Mbit", 1_000_000)]);
        let table = [
            ("rate 12500000", Some(100_000)),
            ("rate 1500Kbit", Some(1_500)),
            ("rate 100Mbit", Some(100_000)),
            ("rate 64000bit", Some(64)),
        ];
        table.iter().for_each(|(text, kbps)| assert_eq!(told.kbps(text), *kbps, "{text}"));
    }

    #[test]
    fn what_is_no_number_or_in_no_unit_of_the_file_is_no_speed_and_neither_is_nothing() {
        let told = speed(1, &[("Mbit", 1_000_000)]);
        for text in ["rate 3Gbit", "rate Mbit", "rate 0", "rate 0Mbit", "rate 99999999999999999Mbit", "none"]
        {
            assert_eq!(told.kbps(text), None, "{text}");
        }
    }
}
