//! Every secret that a test used, looked for wherever something is said: in the log of everything, in answers, webhooks,
//! transcripts, the store's records and the command line's output. And personal data, which is nowhere at all.

use crate::harness::*;
use crate::records::Records;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};
use switchyard::simulator::Fault;
use switchyard_actors::domain::record::Record;

const ENABLE: &str = "en-4Vt7-switch-enable";
/// A guess may be another system's secret.
const WRONG_SECRET: &str = "whsec-Hb6rd1Kp-mistaken-for-another";
const WRONG_API_KEY: &str = "sy_live_00000000ffffffff00000000ffffffff";
const SECRETS: [&str; 8] =
    [SECRET, OTHER_SECRET, WRONG_SECRET, API_KEY, OTHER_API_KEY, WRONG_API_KEY, PASSWORD, ENABLE];
/// Unknown fields are ignored, and so never kept.
const PERSONAL: [&str; 3] = ["Kim Q. Subscriber", "kim.q@example.org", "+46 70 123 45 67"];

/// A text, and the spellings in which a program might print it: bytes in decimal, in hexadecimal, and Base64.
fn spellings(secret: &str) -> Vec<String> {
    let list = |bytes: &[u8], one: fn(&u8) -> String, between: &str| {
        bytes.iter().map(one).collect::<Vec<_>>().join(between)
    };
    let bytes = secret.as_bytes();
    vec![
        secret.to_owned(),
        list(bytes, |byte| byte.to_string(), ", "),
        list(bytes, |byte| format!("{byte:02x}"), ""),
        list(bytes, |byte| format!("{byte:02x}"), ", "),
        base64(bytes),
    ]
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let whole = bytes.chunks_exact(3).flat_map(|three| {
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        [18, 12, 6, 0].map(|shift| char::from(LETTERS[(bits >> shift & 63) as usize]))
    });
    // The rest of a third group depends on what follows: what is whole is enough to find it.
    whole.collect()
}

/// What was said, and where.
#[derive(Default)]
struct Said(Vec<(String, String)>);

impl Said {
    fn hear(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.0.push((place.into(), text.into()));
    }

    fn hear_answer(&mut self, place: &str, answer: &Answer) {
        self.hear(format!("the answer to {place}"), format!("{}\n{:?}", answer.text, answer.headers));
    }

    fn hear_command(&mut self, arguments: &[&str]) -> String {
        let (_, text) = run(arguments);
        self.hear(format!("switchyard {}", arguments.join(" ")), text.clone());
        text
    }

    /// Where one of `texts` is said, with the line.
    fn leaks(&self, texts: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        for (place, said) in &self.0 {
            for (text, spelling) in
                texts.iter().flat_map(|text| spellings(text).into_iter().map(move |s| (text, s)))
            {
                if let Some(line) = said.lines().find(|line| line.contains(&spelling)) {
                    found.push(format!("{text} in {place}: {}", line.chars().take(400).collect::<String>()));
                }
            }
        }
        found
    }
}

#[test]
fn a_leak_is_found_in_any_spelling() {
    let leaks = |line: String| {
        let mut said = Said::default();
        said.hear("a log", format!("first\n{line}\nlast"));
        said.leaks(&SECRETS).len()
    };
    assert_eq!(leaks("nothing".into()), 0);
    assert_eq!(leaks(format!("secret={SECRET}")), 1);
    assert_eq!(leaks(format!("{:?}", format!("x{PASSWORD}\n").as_bytes())), 1);
    assert_eq!(leaks(format!("{:02x?}", PASSWORD.as_bytes())), 1);
    assert_eq!(leaks("d2hzZWMtWmszdnE4WG4tcGFydG5lci1vbmU=".into()), 1);
}

#[test]
fn no_secret_that_was_used_is_said_anywhere() {
    story(async {
        let outside = Outside::start_guarded(Fleet { switches: 4, ..SMALL }, Some(ENABLE)).await;
        let mut said = Said::default();
        let trace = "[log]\nfilter = \"trace\"\n";
        let mut process = Process::start_with(&outside, free_address(), &[], trace).await;
        let client = Client::new(process.address);

        order_indiscretions(&outside);
        provision_on_every_switch(&outside, &client, &mut said).await;
        ask_with_wrong_secrets(&client, &mut said).await;
        ask_with_keys(&client, &mut said).await;
        listen_to_the_command_line(&outside, &process, &mut said).await;
        process.terminate();
        process.wait_until_ended().await;

        let log = process.log_text();
        assert!(log.contains("TRACE") && log.contains("listening"), "it logs everything: {log}");
        said.hear("the log", log);
        hear_webhooks(&outside, &mut said);
        hear_records(&outside.store(), &mut said);
        let leaks = said.leaks(&SECRETS);
        assert!(leaks.is_empty(), "{leaks:#?}");
        let personal = said.leaks(&PERSONAL);
        assert!(personal.is_empty(), "{personal:#?}");
        the_file_has_secrets_of_partners_alone(&outside.store());
    });
}

/// Switch 0 prints our passwords while it obeys, switch 1 while it refuses; switch 2 refuses the login, and switch 3 is
/// another device than it was.
fn order_indiscretions(outside: &Outside) {
    let switch = |n| outside.fleet.switch(&switch_name(n)).expect("there");
    let line = format!("%SEC-4-DEBUG: login netops/{PASSWORD}, enable {ENABLE}");
    switch(0).order(Fault::Syslog { pattern: "interface".into(), line, times: 1 });
    let text = format!("% Invalid input: {PASSWORD} {ENABLE}");
    switch(1).order(Fault::Reject { pattern: "switchport access vlan 142".into(), text, times: 1 });
    switch(2).order(Fault::RejectAuthentication { times: 1_000 });
    switch(3).change_host_key();
}

async fn provision_on_every_switch(outside: &Outside, client: &Client, said: &mut Said) {
    let mut jobs = Vec::new();
    for switch in 0..4 {
        let mut body = direct(&format!("order-{switch}"), &outside.location(switch, 0));
        body["mac_address"] = json!(format!("02:00:5e:10:00:0{switch}"));
        body["subscriber"] = json!({ "name": PERSONAL[0], "email": PERSONAL[1] });
        body["phone"] = json!(PERSONAL[2]);
        let answer = client.checkout(&body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        said.hear_answer("a checkout", &answer);
        jobs.push(answer.id("job_id"));
    }
    outside.until("live", |o| !o.events_for("provisioning.completed", &jobs[0]).is_empty()).await;
    outside.until("failed", |o| !o.events_for("provisioning.failed", &jobs[1]).is_empty()).await;
    let failed = outside.events_for("provisioning.failed", &jobs[1]);
    let error = failed[0].field("error").expect("a text");
    let address = outside.fleet.switch(&switch_name(1)).expect("there").address();
    for word in
        [address.ip().to_string(), address.port().to_string(), "switchport".into(), "% ".into(), "\n".into()]
    {
        assert!(!error.contains(&word), "{word:?} in {error:?}");
    }
}

async fn ask_with_wrong_secrets(client: &Client, said: &mut Said) {
    let body = direct("order-x", "00000000aa");
    let wrong = client
        .post(CHECKOUT, &[("X-Webhook-Secret", WRONG_SECRET)], body.to_string())
        .await
        .expect("an answer");
    assert_eq!(wrong.status, 401);
    said.hear_answer("a wrong secret", &wrong);
    let garbled = format!("{{\"service_provider_document_id\": \"{PARTNER}\", \"secret\": \"{SECRET}\" oops");
    for body in
        [garbled, json!({ "service_provider_document_id": SECRET, "mac_address": SECRET }).to_string()]
    {
        let answer = client.try_checkout(body).await.expect("an answer");
        assert_eq!(answer.status, 422);
        said.hear_answer("a garbled body", &answer);
    }
    let mut faulty = direct("order-x", SECRET);
    faulty["mac_address"] = json!(SECRET);
    faulty["plan_version_id"] = json!(API_KEY);
    let answer = client.checkout(&faulty).await;
    assert_eq!(answer.status, 422);
    said.hear_answer("secrets in the wrong fields", &answer);
}

async fn ask_with_keys(client: &Client, said: &mut Said) {
    let path = format!("/api/v1/partner/provisioning/jobs/{PLAN}");
    for (key, status) in [(API_KEY, 404), (OTHER_API_KEY, 404), (WRONG_API_KEY, 401), (SECRET, 401)] {
        let answer = client.get(&path, &[("X-API-Key", key)]).await.expect("an answer");
        assert_eq!(answer.status, status, "{answer:?}");
        said.hear_answer("a key", &answer);
    }
}

async fn listen_to_the_command_line(outside: &Outside, process: &Process, said: &mut Said) {
    let config = process.config.to_str().expect("a path");
    let deadline = Instant::now() + PATIENCE;
    while said.hear_command(&["switches", "--config", config]).matches("QUARANTINED").count() < 2 {
        assert!(Instant::now() < deadline, "never quarantined: {:?}", said.0.last());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for switch in 0..4 {
        said.hear_command(&["switch", "log", &switch_name(switch), "--config", config]);
    }
    said.hear_command(&["--help"]);
    said.hear_command(&["check-config", "--config", config]);
    let inventory = outside.inventory();
    let file = inventory.to_str().expect("a path");
    said.hear_command(&["inventory", "apply", file, "--config", config]);
    for (from, to) in faulty_inventories() {
        let text = outside.inventory_text();
        assert!(text.contains(&from), "{from}");
        std::fs::write(&inventory, text.replace(&from, &to)).expect("the inventory");
        for command in [&["inventory", "apply", file][..], &["check-config", "--inventory", file]] {
            let (code, refused) = run(&[command, &["--config", config]].concat());
            assert_eq!(code, Some(78), "{refused}");
            assert!(refused.contains("inventory.toml:"), "it names the line: {refused}");
            said.hear(format!("the faults of {}", to.replace(SECRET, "…").replace(PASSWORD, "…")), refused);
        }
    }
    std::fs::write(&inventory, outside.inventory_text()).expect("the inventory");
}

/// Faults in the very lines that hold a secret: a message that shows the line shows the secret.
fn faulty_inventories() -> [(String, String); 4] {
    let good = format!("webhook_secret = \"{SECRET}\"");
    [
        (good.clone(), format!("webhook_secret = \"{SECRET}\" oops")),
        (good.clone(), format!("webhook_secret = [\"{SECRET}\"]")),
        (good.clone(), format!("webhook_secrets = \"{SECRET}\"")),
        ("username = \"netops\"".into(), format!("username = \"netops\"\npassphrase = \"{PASSWORD}\"")),
    ]
}

fn hear_webhooks(outside: &Outside, said: &mut Said) {
    for delivery in outside.receiver.deliveries() {
        said.hear(
            "a webhook",
            format!("{:?}\n{}", delivery.headers, String::from_utf8_lossy(&delivery.body)),
        );
    }
}

/// As `Debug` shows them, and the dialogs as they are.
fn hear_records(store: &Path, said: &mut Said) {
    let records = Records::of(store);
    for text in records.all(|_| true) {
        said.hear("a record's Debug", text);
    }
    let mut transcripts = 0;
    for record in records.iter() {
        if let Record::Transcript(transcript) = record {
            transcripts += 1;
            said.hear("a transcript", transcript.text.clone());
        }
    }
    assert!(transcripts >= 2, "{transcripts} transcripts: {:#?}", records.keys());
    said.hear("the keys", records.keys().join("\n"));
}

/// What is on the disk: a partner's webhook secret must be, to sign with; nothing else is, nor anyone's name.
fn the_file_has_secrets_of_partners_alone(store: &Path) {
    let records = Records::of(store);
    let mut said = Said::default();
    let mut partners = 0;
    for record in records.iter() {
        let json = serde_json::to_string(record).expect("JSON");
        match record {
            Record::Partner(_) => {
                partners += usize::from(json.contains(SECRET) || json.contains(OTHER_SECRET))
            }
            _ => said.hear("a record", json),
        }
    }
    assert_eq!(partners, 2, "the search finds what is there");
    let file = std::fs::read(store).expect("the file");
    let whole = String::from_utf8_lossy(&file).into_owned();
    assert!(whole.contains(SECRET), "the search finds what is there");
    let mut bytes = Said::default();
    bytes.hear("the file", whole);
    let others: Vec<&str> =
        SECRETS.into_iter().filter(|secret| ![SECRET, OTHER_SECRET].contains(secret)).collect();
    let leaks = [said.leaks(&SECRETS), bytes.leaks(&others), bytes.leaks(&PERSONAL)].concat();
    assert!(leaks.is_empty(), "{leaks:#?}");
}
