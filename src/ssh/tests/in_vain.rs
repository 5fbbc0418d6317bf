//! Sessions that came to nothing between the login and their first line: what was said is told all the same.

use super::*;

impl Bench {
    /// What was said on a session that isn't opened.
    async fn said_in_vain(&self) -> String {
        let mut said = String::new();
        let opened = self.driver.open(&self.switch, &self.guard, &mut said).await;
        assert!(opened.is_err(), "it was to fail");
        self.until_closed().await;
        assert!(!said.contains(PASSWORD), "{said}");
        said
    }
}

fn assert_says(said: &str, all: &[&str]) {
    all.iter().for_each(|part| assert!(said.contains(part), "{part:?}: {said}"));
}

#[tokio::test]
async fn a_prompt_that_the_file_does_not_know_is_shown_as_it_was_seen() {
    let mut bench = Bench::new(Personality::Ios, |_| ()).await;
    let known = "prompt = '^[";
    with_platform(&mut bench, |text| text.replacen(known, "prompt = '^unknown [", 1));
    let said = bench.said_in_vain().await;
    assert!(said.starts_with("# 2"), "when it began: {said}");
    assert_says(&said, &["# sw at 127.0.0.1:", "  access-sw-17#"]);
}

#[tokio::test]
async fn a_refused_privilege_is_told_without_the_password() {
    let bench = Bench::new(Personality::Ios, |plan| plan.enable_password = Some("another".into())).await;
    assert_says(&bench.said_in_vain().await, &["> access-sw-17>enable\n", "> <redacted>\n", "  Password:"]);
}

#[tokio::test]
async fn a_session_that_drops_at_its_first_command_and_a_device_that_is_another_are_told_of() {
    let mut bench = Bench::new(Personality::Ios, |_| ()).await;
    bench.device().order(Fault::DropBeforeCommand { pattern: "terminal length".into(), times: 1 });
    assert_says(&bench.said_in_vain().await, &["> access-sw-17#terminal length 0\n"]);
    bench.switch.serial = Some("not-this-one".into());
    assert_says(&bench.said_in_vain().await, &["show version", "serial number"]);
}

#[tokio::test]
async fn of_much_that_was_said_in_vain_the_last_is_kept() {
    let mut bench = Bench::new(Personality::Ios, |_| ()).await;
    bench.driver.settings.transcript_limit_bytes = 60;
    bench.switch.serial = Some("not-this-one".into());
    let said = bench.said_in_vain().await;
    let (_, kept) = said.split_once('\n').expect("when it began");
    assert!(kept.len() <= 60 && kept.contains("serial number"), "{said}");
}
