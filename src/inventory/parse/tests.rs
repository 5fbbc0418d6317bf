//! Faulty files, each with the line, the key and the words that its reader gets.

use super::*;
use switchyard_actors::domain::inventory::ApiKeyHash;
use switchyard_actors::domain::inventory::SecretRef;
use switchyard_actors::domain::legacy_algorithm::LegacyAlgorithm;

/// Knows one variable and one key.
struct KnownSecrets;

impl SecretSource for KnownSecrets {
    fn resolve(&self, reference: &SecretRef) -> Result<String, String> {
        match reference {
            SecretRef::Env(name) if name == "HOOK" => Ok("from-the-environment".into()),
            SecretRef::Env(name) if name == "EMPTY" => Ok(String::new()),
            SecretRef::Env(name) if name == "SHORT" => Ok("hunter2-in-the-environment".into()),
            SecretRef::Env(name) if name == "KEY" => Ok("sy_live_abcdefghijklmnopqrstuvwxyz234567".into()),
            reference => Err(format!("{reference} is not set")),
        }
    }
}

fn read(text: &str) -> Result<Wanted, Faults> {
    let platforms = ["cisco_ios".to_owned(), "arista_eos".to_owned()];
    parse("inv.toml", text, &Surroundings { platforms: &platforms, secrets: &KnownSecrets })
}

const PARTNER: &str = r#"[[partner]]
id = "00000000-0000-4000-8000-000000000001"
name = "One"
webhook_secret = "hunter2"
webhook_url = "https://hooks.example/"
"#;
const PLAN: &str = r#"[[plan]]
id = "00000000-0000-4000-8000-000000000002"
partner = "00000000-0000-4000-8000-000000000001"
name = "Home"
vlan = 142
down_mbps = 250
up_kbps = 50000
"#;
const SWITCH: &str = r#"[[switch]]
name = "sw-1"
host = "10.0.0.7"
platform = "cisco_ios"
username = "ops"
password = "env:SW"
captive_portal_vlan = 900
[switch.ports]
"Gi1/0/1" = "aaaaaaaaaa"
"#;
const JUMP_HOST: &str = r#"[[jump_host]]
name = "bastion"
host = "10.0.0.1"
username = "ops"
password = "env:B"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ"
"#;
const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// `base` with `old` replaced by `new`.
fn spoiled(base: &str, old: &str, new: &str) -> String {
    assert!(base.contains(old), "{old:?} is not in the base");
    base.replacen(old, new, 1)
}

fn through_it() -> String {
    spoiled(SWITCH, "username", "jump_host = \"bastion\"\nusername")
}

struct Case {
    text: String,
    said: &'static str,
}

fn case(base: &str, old: &str, new: &str, said: &'static str) -> Case {
    Case { text: spoiled(base, old, new), said }
}

fn partner_cases() -> Vec<Case> {
    let keyed = format!("{PARTNER}api_key_sha256 = \"{HASH}\"\n");
    let id = "id = \"00000000-0000-4000-8000-000000000001\"\n";
    let url = "webhook_url = \"https://hooks.example/\"";
    let secret = "webhook_secret = \"hunter2\"";
    vec![
        case(PARTNER, "name = \"One\"\n", "", "1: partner[1].name: is missing: 1 to 200 characters"),
        case(PARTNER, "\"One\"", "\"\"", "3: partner[1].name: \"\" is not accepted: 1 to 200 characters"),
        case(PARTNER, "\"One\"", "7", "3: partner[1].name: a number is not accepted: a text in quotes"),
        case(PARTNER, id, "", "1: partner[1].id: is missing: a UUID"),
        case(PARTNER, id, "id = \"one\"\n", "2: partner[1].id: \"one\" is not accepted: a UUID"),
        case(
            PARTNER,
            "name",
            "nmae",
            "3: partner[1].nmae: is no key here; accepted: id, name, webhook_secret",
        ),
        case(
            PARTNER,
            secret,
            "webhook_secret = \"\"",
            "4: partner[1].webhook_secret: the secret must be 1 to 512",
        ),
        case(
            PARTNER,
            secret,
            "webhook_secret = \"hunter2 \"",
            "4: partner[1].webhook_secret: the secret must be",
        ),
        case(
            PARTNER,
            secret,
            "webhook_secret = \"env:\"",
            "4: partner[1].webhook_secret: names nothing after",
        ),
        case(
            PARTNER,
            secret,
            "webhook_secret = \"env:NO\"",
            "4: partner[1].webhook_secret: env:NO is not set",
        ),
        case(
            PARTNER,
            secret,
            "webhook_secret = \"env:EMPTY\"",
            "4: partner[1].webhook_secret: the secret must be",
        ),
        case(
            PARTNER,
            secret,
            "webhook_secret = 7777",
            "4: partner[1].webhook_secret: a number is not accepted",
        ),
        case(
            PARTNER,
            url,
            "webhook_url = \"ftp://a/\"",
            "5: partner[1].webhook_url: has the scheme \"ftp\"; accepted",
        ),
        case(PARTNER, url, "webhook_url = \"hooks\"", "5: partner[1].webhook_url: is no URL"),
        case(
            PARTNER,
            url,
            "webhook_url = \"https://u:hunter2@a/\"",
            "5: partner[1].webhook_url: holds a user name",
        ),
        case(&keyed, HASH, "abc", "6: partner[1].api_key_sha256: an API key hash is the 64 hex characters"),
        case(
            &keyed,
            "api_key_sha256",
            "api_key",
            "6: partner[1].api_key: is no reference; accepted: env:NAME",
        ),
        case(
            &keyed,
            &format!("_sha256 = \"{HASH}\""),
            " = \"env:SHORT\"",
            "6: partner[1].api_key: the key must be sy_",
        ),
        case(
            &keyed,
            HASH,
            &format!("{HASH}\"\napi_key = \"env:KEY"),
            "7: partner[1].api_key: is given beside",
        ),
        Case {
            text: format!("{PARTNER}{PARTNER}"),
            said: "7: partner[2].id: a partner with this id is stated on line 2",
        },
        Case {
            text: format!("{keyed}{}", spoiled(&keyed, "000000000001", "000000000009")),
            said: "12: partner[2].api_key_sha256: another partner has the same API key, on line 6",
        },
        case(
            PARTNER,
            "[[partner]]",
            "[partner]",
            "1: partner: a table is not accepted: [[partner]] sections",
        ),
        case(
            PARTNER,
            "[[partner]]",
            "[[partners]]",
            "1: partners: is no key here; accepted: partner, unit, plan",
        ),
        case(PARTNER, secret, "webhook_secret = \"hunter2", "4: TOML: invalid basic string"),
        case(PARTNER, "name = \"One\"", "name = \"One\"\nname = \"Two\"", "4: TOML: duplicate key"),
    ]
}

fn plan_cases() -> Vec<Case> {
    vec![
        case(PLAN, "vlan = 142", "vlan = 4095", "5: plan[1].vlan: 4095 is not accepted: a VLAN, 1 to 4094"),
        case(
            PLAN,
            "vlan = 142",
            "vlan = \"142\"",
            "5: plan[1].vlan: a text is not accepted: a VLAN, 1 to 4094",
        ),
        case(PLAN, "vlan = 142", "vlan = -1", "5: plan[1].vlan: -1 is not accepted"),
        case(
            PLAN,
            "down_mbps = 250",
            "down_mbps = 0",
            "6: plan[1].down_mbps: 0 is not accepted: 1 to 1000000 Mbit/s",
        ),
        case(
            PLAN,
            "down_mbps = 250",
            "down_mbps = 2.5",
            "6: plan[1].down_mbps: a number with a point is not accepted",
        ),
        case(
            PLAN,
            "down_mbps = 250\n",
            "",
            "1: plan[1].down_mbps: is missing: a speed, as down_mbps or down_kbps",
        ),
        case(
            PLAN,
            "up_kbps = 50000",
            "up_kbps = 1\nup_mbps = 1",
            "7: plan[1].up_kbps: is given beside up_mbps",
        ),
        case(
            PLAN,
            "vlan",
            "active = \"yes\"\nvlan",
            "5: plan[1].active: a text is not accepted: true or false",
        ),
        case(
            PLAN,
            "partner = \"0",
            "partner = \"x",
            "3: plan[1].partner: \"x0000000-0000-4000-8000-000000000001\" is not",
        ),
    ]
}

fn switch_cases() -> Vec<Case> {
    let port = "\"Gi1/0/1\" = \"aaaaaaaaaa\"";
    let with = |line: &str, said| case(SWITCH, "username", &format!("{line}\nusername"), said);
    let ports = |line: &str, said| case(SWITCH, port, line, said);
    vec![
        case(SWITCH, "\"sw-1\"", "\"sw 1\"", "2: switch[1].name: \"sw 1\" is not accepted: switch name"),
        case(
            SWITCH,
            "\"10.0.0.7\"",
            "\"\"",
            "3: switch[1].host: \"\" is not accepted: a host name or an address",
        ),
        case(SWITCH, "10.0.0.7", "10.0.0.7:22", "3: switch[1].host: \"10.0.0.7:22\" is not accepted"),
        case(
            SWITCH,
            "cisco_ios",
            "cisco",
            "4: switch[1].platform: \"cisco\" is not accepted: one of cisco_ios, arista_eos",
        ),
        case(
            SWITCH,
            "env:SW",
            "hunter2",
            "6: switch[1].password: is no reference; accepted: env:NAME or file:PATH",
        ),
        case(
            SWITCH,
            "password = \"env:SW\"\n",
            "",
            "1: switch[1].password: is missing: a password or a private_key",
        ),
        with("ssh_port = 70000", "5: switch[1].ssh_port: 70000 is not accepted: a TCP port"),
        with(
            "host_key = \"sw ssh-ed25519 AAAA\"",
            "5: switch[1].host_key: \"sw ssh-ed25519 AAAA\" is not accepted: a public key that begins",
        ),
        with(
            "host_key = \"ssh-ed25519 A*AA\"",
            "5: switch[1].host_key: \"ssh-ed25519 A*AA\" is not accepted: base64",
        ),
        with("enable_password = \"hunter2\"", "5: switch[1].enable_password: is no reference"),
        with("private_key_passphrase = \"hunter2\"", "5: switch[1].private_key_passphrase: is no reference"),
        with(
            "private_key_passphrase = \"env:PP\"",
            "5: switch[1].private_key_passphrase: there is no private_key that it opens",
        ),
        with(
            "allow_algorithms = [\"ssh-rsa\", \"ssh-dss\"]",
            "5: switch[1].allow_algorithms[2]: \"ssh-dss\" is not accepted: one of diffie-hellman-group-exchange-sha1,",
        ),
        with(
            "allow_algorithms = \"ssh-rsa\"",
            "5: switch[1].allow_algorithms: a text is not accepted: an array",
        ),
        with(
            "jump_host = \"b\"",
            "5: switch[1].jump_host: \"b\" is not accepted: the name of a [[jump_host]]",
        ),
        Case {
            text: format!("{JUMP_HOST}{SWITCH}"),
            said: "2: jump_host[1].name: no [[switch]] of this file has jump_host = \"bastion\"",
        },
        Case {
            text: format!("{JUMP_HOST}{JUMP_HOST}{}", through_it()),
            said: "8: jump_host[2].name: a jump host with this name is stated on line 2 already",
        },
        Case {
            text: format!("{}{}", spoiled(JUMP_HOST, "env:B", "hunter2"), through_it()),
            said: "5: jump_host[1].password: is no reference; accepted: env:NAME or file:PATH",
        },
        Case {
            text: format!("{}{}", spoiled(JUMP_HOST, "password", "enable_password"), through_it()),
            said: "5: jump_host[1].enable_password: is no key here; accepted: name, host, ssh_port",
        },
        case(
            SWITCH,
            "captive_portal_vlan = 900\n",
            "",
            "1: switch[1].captive_portal_vlan: is missing: a VLAN",
        ),
        ports("\"Gi 1\" = {}", "9: switch[1].ports.\"Gi 1\": port name \"Gi 1\" is not accepted"),
        ports(
            "Gi1 = \"aaaa\"",
            "9: switch[1].ports.Gi1: \"aaaa\" is not accepted: must be 10 hex characters",
        ),
        ports("Gi1 = 7", "9: switch[1].ports.Gi1: a number is not accepted: a location hash in quotes"),
        ports("Gi1 = { unit = \"x\" }", "9: switch[1].ports.Gi1.unit: \"x\" is not accepted: a UUID"),
        ports(
            "Gi1 = { locations = [\"aaaaaaaaaa\", \"x\"] }",
            "9: switch[1].ports.Gi1.locations[2]: \"x\" is not accepted",
        ),
        ports(
            "Gi1 = { locations = [{ expires_at = 2030-01-01T00:00:00Z }] }",
            "9: switch[1].ports.Gi1.locations[1].hash: is missing",
        ),
        ports(
            "Gi1 = { locations = [{ hash = \"aaaaaaaaaa\", expires_at = 2030-01-01 }] }",
            "9: switch[1].ports.Gi1.locations[1].expires_at: 2030-01-01 is not accepted: a moment with its offset",
        ),
        ports(
            "Gi1 = \"aaaaaaaaaa\"\nGi2 = \"AAAAAAAAAA\"",
            "10: switch[1].ports.Gi2: this location hash is stated on line 9",
        ),
        ports("Gi1 = {}\nGi1 = {}", "10: TOML: duplicate key"),
        Case {
            text: format!("{SWITCH}{}", spoiled(SWITCH, "aaaaaaaaaa", "bbbbbbbbbb")),
            said: "11: switch[2].name: a switch with this name is stated on line 2 already",
        },
    ]
}

fn removal_cases() -> Vec<Case> {
    let and = |base: &str, line: &str, said| Case { text: format!("{base}[remove]\n{line}\n"), said };
    vec![
        and(
            "",
            "ports = [\"sw-1\"]",
            "2: remove.ports[1]: \"sw-1\" is not accepted: the switch, a space and the port",
        ),
        and("", "switches = \"sw-1\"", "2: remove.switches: a text is not accepted: an array of texts"),
        and("", "plan = []", "2: remove.plan: is no key here; accepted: partners, plans, units"),
        and("", "switches = [\"a\", \"a\"]", "2: remove.switches[2]: is stated or removed on line 2 already"),
        and(
            SWITCH,
            "switches = [\"sw-1\"]",
            "11: remove.switches[1]: is stated or removed on line 2 already",
        ),
        and(
            SWITCH,
            "locations = [\"aaaaaaaaaa\"]",
            "11: remove.locations[1]: is stated or removed on line 9 already",
        ),
        and(
            PLAN,
            "partners = [\"00000000-0000-4000-8000-000000000001\"]",
            "3: plan[1].partner: needs what line 9 removes",
        ),
    ]
}

fn all_cases() -> Vec<Case> {
    [partner_cases(), plan_cases(), switch_cases(), removal_cases()].into_iter().flatten().collect()
}

#[test]
fn every_fault_names_its_line_its_key_and_what_is_accepted() {
    let cases = all_cases();
    assert!(cases.len() >= 30);
    for Case { text, said } in cases {
        let faults =
            read(&text).err().unwrap_or_else(|| panic!("accepted, and should say {said:?}:\n{text}"));
        let lines = faults.to_string();
        let wanted = format!("inv.toml:{said}");
        assert!(
            lines.lines().any(|line| line.starts_with(&wanted)),
            "{wanted}\n--- but said\n{lines}\n--- of\n{text}"
        );
    }
}

#[test]
fn no_fault_repeats_a_secret() {
    for Case { text, .. } in all_cases() {
        let said = read(&text).err().map(|faults| faults.to_string()).unwrap_or_default();
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn all_faults_of_a_file_are_told_at_once_by_line() {
    let text = spoiled(&spoiled(SWITCH, "10.0.0.7", ""), "env:SW", "plain")
        + "Gi2 = 5\n"
        + &spoiled(PLAN, "142", "0");
    let lines: Vec<_> = read(&text).expect_err("faulty").list().iter().map(|fault| fault.at.line).collect();
    assert_eq!(lines, [3, 6, 10, 15]);
}

#[test]
fn speeds_in_either_unit_and_references_come_out_as_the_domain_keeps_them() {
    let partner = spoiled(PARTNER, "hunter2", "env:HOOK") + "api_key = \"env:KEY\"\n";
    let wanted = read(&(partner + PLAN)).expect("a good file");
    let [Item::Partner(partner), Item::Plan(plan)] = [&wanted.items[0].is, &wanted.items[1].is] else {
        panic!("{:?}", wanted.items)
    };
    assert_eq!(partner.webhook_secret.reveal(), "from-the-environment");
    assert_eq!(partner.api_key, Some(ApiKeyHash::of("sy_live_abcdefghijklmnopqrstuvwxyz234567")));
    assert_eq!((plan.down_kbps, plan.up_kbps, plan.active), (250_000, 50_000, true));
}

#[test]
fn a_switch_gets_its_jump_host_whole_wherever_the_file_states_it_and_its_old_algorithms_once() {
    let old = "allow_algorithms = [\"hmac-sha1\", \"ssh-rsa\", \"hmac-sha1\"]\nusername";
    let switch = spoiled(&through_it(), "username", old);
    for text in [format!("{JUMP_HOST}{switch}"), format!("{switch}{JUMP_HOST}")] {
        let wanted = read(&text).expect("good");
        let Item::Switch(switch) = &wanted.items[0].is else { panic!("{:?}", wanted.items) };
        assert_eq!(switch.allow_algorithms, [LegacyAlgorithm::SshRsa, LegacyAlgorithm::HmacSha1]);
        let jump_host = switch.jump_host.as_deref().expect("it names one");
        assert_eq!((jump_host.host.as_str(), jump_host.ssh_port), ("10.0.0.1", 22));
        assert_eq!(jump_host.credentials.password, Some(SecretRef::Env("B".into())));
        assert!(jump_host.host_key.is_some());
    }
}

#[test]
fn both_forms_of_a_port_say_the_same() {
    let long = spoiled(
        SWITCH,
        "[switch.ports]\n\"Gi1/0/1\" = \"aaaaaaaaaa\"",
        "[switch.ports.\"Gi1/0/1\"]\nlocations = [\"AAAAAAAAAA\"]",
    );
    let items =
        |text: &str| read(text).expect("good").items.into_iter().map(|item| item.is).collect::<Vec<_>>();
    assert_eq!(items(&long), items(SWITCH));
}

#[test]
fn the_example_file_is_a_good_one() {
    let wanted = read(include_str!("../../../config/inventory.example.toml")).expect("the example");
    assert_eq!((wanted.items.len(), wanted.removals.len()), (16, 4));
}
