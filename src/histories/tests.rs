use super::play;
use super::search::Search;
use super::strategy::plan_of;

const FIRST_SEED: u64 = 1;

#[test]
fn the_same_seed_is_the_same_history_byte_by_byte() {
    for seed in 0..20 {
        let one = format!("{:?}", play(&plan_of(seed)).history);
        let two = std::thread::spawn(move || format!("{:?}", play(&plan_of(seed)).history));
        assert!(one == two.join().expect("it played"), "seed {seed}");
    }
}

#[test]
fn no_history_is_violated() {
    let from = |name| std::env::var(name).ok().and_then(|value: String| value.parse().ok());
    let search = Search {
        first_seed: from("SWITCHYARD_SEED").unwrap_or(FIRST_SEED),
        histories: from("SWITCHYARD_HISTORIES").unwrap_or(3_000),
        threads: 2,
        missing: None,
    };
    let found = search.run();
    #[allow(clippy::print_stderr)] // How much the faults struck is part of what a run says.
    {
        eprintln!("{found}");
    }
    if let Some(failure) = &found.failure {
        panic!("{}", failure.tell(None));
    }
}
