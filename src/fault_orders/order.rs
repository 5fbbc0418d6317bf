//! What an order is, and what a line that gives one looks like. Pure: nothing is carried out here.

use switchyard_actors::fail_points::FailPoint;

/// Places in the two engines, below the actors: around a transaction's commit in the embedded one, and on Redis after each
/// commit of a row that goes tag by tag.
const STORE_PLACES: &[&str] =
    &["store::before_commit", "store::after_commit", "store::committed_under_a_tag"];

/// Places where something outside of the process can refuse.
const REFUSALS: &[&str] = &["store::write_refused"];

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Panic { place: &'static str, times: u32 },
    Kill { place: &'static str, nth: u32 },
    Halt { place: &'static str },
    Go,
    Fail { place: &'static str, times: u32 },
    Clock { millis: i64 },
}

impl Order {
    /// Reads one line.
    pub fn parse(line: &str) -> Result<Self, String> {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["panic", name] => Ok(Self::Panic { place: place(name)?, times: 1 }),
            ["panic", name, n] => Ok(Self::Panic { place: place(name)?, times: count(n)? }),
            ["kill", name] => Ok(Self::Kill { place: place(name)?, nth: 1 }),
            ["kill", name, n] => Ok(Self::Kill { place: place(name)?, nth: count(n)? }),
            ["halt", name] => Ok(Self::Halt { place: place(name)? }),
            ["go"] => Ok(Self::Go),
            ["fail", name] => Ok(Self::Fail { place: refusal(name)?, times: 1 }),
            ["fail", name, n] => Ok(Self::Fail { place: refusal(name)?, times: count(n)? }),
            ["clock", by] => Ok(Self::Clock { millis: millis(by)? }),
            _ => Err("none of panic PLACE [N], kill PLACE [N], halt PLACE, go, fail PLACE [N], clock MILLIS"
                .into()),
        }
    }

    /// Where it is carried out, if it waits for that place to be reached.
    pub fn place(self) -> Option<&'static str> {
        match self {
            Self::Panic { place, .. } | Self::Kill { place, .. } | Self::Halt { place } => Some(place),
            Self::Go | Self::Fail { .. } | Self::Clock { .. } => None,
        }
    }
}

fn place(name: &str) -> Result<&'static str, String> {
    let of_actors = FailPoint::ALL.iter().map(|point| point.name());
    known(name, of_actors.chain(STORE_PLACES.iter().copied()))
}

fn refusal(name: &str) -> Result<&'static str, String> {
    known(name, REFUSALS.iter().copied())
}

fn known(name: &str, mut places: impl Iterator<Item = &'static str> + Clone) -> Result<&'static str, String> {
    let all = places.clone();
    let found = places.find(|place| *place == name);
    found.ok_or_else(|| format!("no place {name}; there are {}", all.collect::<Vec<_>>().join(", ")))
}

fn count(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|n| *n > 0);
    number.ok_or_else(|| format!("{text} is no number of times: 1 to {}", u32::MAX))
}

fn millis(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("{text} is no number of milliseconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_its_order() {
        let place = "lines.sent";
        for (line, order) in [
            ("panic lines.sent", Order::Panic { place, times: 1 }),
            ("panic lines.sent 3", Order::Panic { place, times: 3 }),
            ("kill lines.sent", Order::Kill { place, nth: 1 }),
            ("  kill   lines.sent 2 ", Order::Kill { place, nth: 2 }),
            ("kill store::committed_under_a_tag 4", Order::Kill { place: STORE_PLACES[2], nth: 4 }),
            ("halt lines.sent", Order::Halt { place }),
            ("go", Order::Go),
            ("fail store::write_refused", Order::Fail { place: REFUSALS[0], times: 1 }),
            ("clock -90000", Order::Clock { millis: -90_000 }),
            ("clock 5", Order::Clock { millis: 5 }),
        ] {
            assert_eq!(Order::parse(line), Ok(order), "{line}");
        }
    }

    #[test]
    fn every_fail_point_can_be_ordered_to_panic_to_halt_and_to_die() {
        for point in FailPoint::ALL {
            for verb in ["panic", "halt", "kill"] {
                let order = Order::parse(&format!("{verb} {}", point.name())).expect("an order");
                assert_eq!(order.place(), Some(point.name()));
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_no_order_and_the_answer_says_why() {
        for (line, why) in [
            ("", "none of"),
            ("stop", "none of"),
            ("go lines.sent", "none of"),
            ("halt lines.sent 2", "none of"),
            ("panic", "none of"),
            ("panic lines.snet", "no place lines.snet; there are checkout.before-commit, "),
            ("panic store::write_refused", "no place"),
            ("fail lines.sent", "there are store::write_refused"),
            ("panic lines.sent 0", "0 is no number of times"),
            ("kill lines.sent -1", "-1 is no number of times"),
            ("clock soon", "soon is no number of milliseconds"),
        ] {
            let refused = Order::parse(line).expect_err(line);
            assert!(refused.contains(why), "{line}: {refused}");
        }
    }
}
