//! Logging in to an SSH server that we did not write: keys of each kind, old algorithms, and one as a jump host. OpenSSH
//! plays the old device as its configuration tells it to. Where it isn't installed these tests say so and prove nothing;
//! where `CI` is `true` they fail.

use super::cut::{Range, hasty};
use super::cutter::{Cutter, Elsewhere};
use super::*;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use switchyard_actors::domain::inventory::JumpHost;
use switchyard_actors::domain::legacy_algorithm::LegacyAlgorithm;

const SSHD: &str = "/usr/sbin/sshd";
const PASSPHRASE: &str = "pp-driver-tests-47";

/// A server, and the keys that open it.
struct OpenSsh {
    folder: tempfile::TempDir,
    address: SocketAddr,
    server: Child,
}

impl Drop for OpenSsh {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn is_there() -> bool {
    if Path::new(SSHD).exists() {
        return true;
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{SSHD} is not installed");
    let _ = writeln!(std::io::stderr(), "no real login is proven here: {SSHD} is not installed");
    false
}

fn make_key(folder: &Path, name: &str, how: &[&str]) {
    let file = folder.join(name);
    let made = Command::new("ssh-keygen").args(["-q", "-C", "", "-f"]).arg(file).args(how).status();
    assert!(made.expect("ssh-keygen").success(), "{name}");
}

fn own_name() -> String {
    let output = Command::new("id").arg("-un").output().expect("a user");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

impl OpenSsh {
    /// With these lines in its configuration, before all others.
    fn start(lines: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        make_key(folder.path(), "host_ed25519", &["-t", "ed25519", "-N", ""]);
        make_key(folder.path(), "host_rsa", &["-t", "rsa", "-b", "2048", "-N", ""]);
        make_key(folder.path(), "ed25519", &["-t", "ed25519", "-N", ""]);
        make_key(folder.path(), "rsa", &["-t", "rsa", "-b", "2048", "-N", ""]);
        make_key(folder.path(), "ed25519_locked", &["-t", "ed25519", "-N", PASSPHRASE]);
        make_key(folder.path(), "rsa_locked", &["-t", "rsa", "-b", "2048", "-N", PASSPHRASE]);
        make_key(folder.path(), "stranger", &["-t", "ed25519", "-N", ""]);
        let known = ["ed25519", "rsa", "ed25519_locked", "rsa_locked"];
        let public = |name: &str| std::fs::read_to_string(folder.path().join(name).with_extension("pub"));
        let authorized: String = known.iter().map(|name| public(name).expect("made")).collect();
        std::fs::write(folder.path().join("authorized"), authorized).expect("written");
        if own_name() == "root" {
            // A root's sshd drops its privileges into this folder, which Debian makes only when it boots.
            std::fs::create_dir_all("/run/sshd").expect("root");
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let at = folder.path().display();
        let config = format!(
            "{lines}\nListenAddress {address}\nHostKey {at}/host_ed25519\nHostKey {at}/host_rsa\nPidFile none\n\
             AuthorizedKeysFile {at}/authorized\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nStrictModes no\nUsePAM no\nPermitUserRC no\n"
        );
        std::fs::write(folder.path().join("config"), config).expect("written");
        let mut command = Command::new(SSHD);
        command.arg("-D").arg("-e").arg("-f").arg(folder.path().join("config"));
        let server = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let sshd = Self { folder, address, server: server.expect("it starts") };
        sshd.wait_until_it_answers();
        sshd
    }

    fn wait_until_it_answers(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let answers = || {
            let mut mark = [0; 4];
            TcpStream::connect(self.address).and_then(|mut stream| stream.read_exact(&mut mark)).is_ok()
        };
        while !answers() {
            assert!(Instant::now() < deadline, "sshd never answered at {}", self.address);
            std::thread::yield_now();
        }
    }

    fn file(&self, name: &str) -> SecretRef {
        SecretRef::File(self.folder.path().join(name).display().to_string())
    }

    fn public(&self, name: &str) -> String {
        let line =
            std::fs::read_to_string(self.folder.path().join(name).with_extension("pub")).expect("made");
        line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    fn credentials(&self, key: &str) -> Credentials {
        Credentials { username: own_name(), private_key: Some(self.file(key)), ..Credentials::default() }
    }

    /// A file with a passphrase.
    fn passphrase(&self, text: &str) -> Option<SecretRef> {
        let name = format!("passphrase-{}", text.len());
        std::fs::write(self.folder.path().join(&name), text).expect("written");
        Some(self.file(&name))
    }

    /// As a switch without a shell of its own: opening it is the login alone.
    fn switch(&self, key: &str) -> Switch {
        Switch {
            id: SwitchId::parse("old").expect("valid"),
            host: self.address.ip().to_string(),
            ssh_port: self.address.port(),
            platform: "openvswitch".into(),
            credentials: self.credentials(key),
            host_key: Some(self.public("host_ed25519")),
            host_name: None,
            serial: None,
            captive_portal_vlan: VlanId::try_from(999).expect("valid"),
            allow_algorithms: Vec::new(),
            jump_host: None,
        }
    }

    fn jump_host(&self) -> JumpHost {
        JumpHost {
            name: "bastion".into(),
            host: self.address.ip().to_string(),
            ssh_port: self.address.port(),
            credentials: self.credentials("ed25519"),
            host_key: Some(self.public("host_ed25519")),
        }
    }

    /// No private key has a line in it, nor is a passphrase.
    fn assert_secretless(&self, failure: &DriverFailure) {
        let keys = ["ed25519", "rsa", "ed25519_locked", "rsa_locked", "stranger"];
        for key in keys {
            let text = std::fs::read_to_string(self.folder.path().join(key)).expect("made");
            for line in text.lines().filter(|line| !line.starts_with("-----")) {
                assert!(!failure.detail.contains(line), "{failure}");
            }
        }
        assert!(!failure.detail.contains(PASSPHRASE) && !failure.detail.contains("wrong-one"), "{failure}");
    }
}

fn driver() -> Driver {
    Driver::new(Settings::default(), Platforms::load(None).expect("the built-in platforms"))
}

async fn opened(switch: &Switch) -> Result<(), DriverFailure> {
    let guard = SessionGuard::default();
    let mut session = driver().open(switch, &guard, &mut String::new()).await?;
    session.probe().await?;
    session.close().await;
    assert!(!guard.is_open());
    Ok(())
}

#[tokio::test]
async fn keys_of_each_kind_open_and_one_that_is_locked_wants_its_passphrase() {
    if !is_there() {
        return;
    }
    let sshd = OpenSsh::start("");
    for key in ["ed25519", "rsa"] {
        opened(&sshd.switch(key)).await.unwrap_or_else(|failure| panic!("{key}: {failure}"));
    }
    for key in ["ed25519_locked", "rsa_locked"] {
        let mut switch = sshd.switch(key);
        for (passphrase, told) in
            [(None, "needs a passphrase"), (Some("wrong-one"), "can't be read with its")]
        {
            switch.credentials.private_key_passphrase = passphrase.and_then(|text| sshd.passphrase(text));
            let failure = opened(&switch).await.expect_err("locked");
            assert_eq!(failure.class, FailureClass::Misconfigured, "{failure}");
            assert!(failure.detail.contains(told), "{failure}");
            sshd.assert_secretless(&failure);
        }
        switch.credentials.private_key_passphrase = sshd.passphrase(PASSPHRASE);
        opened(&switch).await.unwrap_or_else(|failure| panic!("{key}: {failure}"));
    }
    let failure = opened(&sshd.switch("stranger")).await.expect_err("not authorized");
    assert_eq!(failure.class, FailureClass::AuthenticationRefused, "{failure}");
    sshd.assert_secretless(&failure);
    let mut no_key = sshd.switch("ed25519");
    no_key.credentials.private_key = Some(sshd.file("authorized"));
    let failure = opened(&no_key).await.expect_err("public keys");
    assert_eq!(failure.class, FailureClass::Misconfigured, "{failure}");
}

#[tokio::test]
async fn an_rsa_host_key_that_is_pinned_is_asked_for_before_the_others() {
    if !is_there() {
        return;
    }
    let sshd = OpenSsh::start("");
    for key in ["host_ed25519", "host_rsa"] {
        let switch = Switch { host_key: Some(sshd.public(key)), ..sshd.switch("ed25519") };
        opened(&switch).await.unwrap_or_else(|failure| panic!("{key}: {failure}"));
    }
    let strange = Switch { host_key: Some(sshd.public("stranger")), ..sshd.switch("ed25519") };
    assert_eq!(opened(&strange).await.expect_err("another key").class, FailureClass::HostKeyChanged);
}

#[tokio::test]
async fn an_old_device_is_reached_by_name_of_each_algorithm_and_not_without() {
    if !is_there() {
        return;
    }
    let table = [
        ("KexAlgorithms diffie-hellman-group14-sha1", "diffie-hellman-group14-sha1"),
        ("KexAlgorithms diffie-hellman-group1-sha1", "diffie-hellman-group1-sha1"),
        ("KexAlgorithms diffie-hellman-group-exchange-sha1", "diffie-hellman-group-exchange-sha1"),
        ("Ciphers aes128-cbc", "aes128-cbc"),
        ("Ciphers aes192-cbc", "aes192-cbc"),
        ("Ciphers aes256-cbc", "aes256-cbc"),
        ("Ciphers 3des-cbc", "3des-cbc"),
        ("Ciphers aes128-ctr\nMACs hmac-sha1", "hmac-sha1"),
        ("Ciphers aes128-ctr\nMACs hmac-sha1-etm@openssh.com", "hmac-sha1-etm@openssh.com"),
        ("HostKeyAlgorithms ssh-rsa", "ssh-rsa"),
    ];
    for (config, name) in table {
        let sshd = OpenSsh::start(config);
        let mut switch = sshd.switch("ed25519");
        if name == "ssh-rsa" {
            switch.host_key = Some(sshd.public("host_rsa"));
        }
        let failure = opened(&switch).await.expect_err(config);
        assert_eq!(failure.class, FailureClass::KeyExchangeFailed, "{config}: {failure}");
        for told in [format!("the switch's are [\"{name}\""), format!("may name {name:?}")] {
            assert!(failure.detail.contains(&told), "{told}: {failure}");
        }
        switch.allow_algorithms = vec![LegacyAlgorithm::parse(name).expect("old")];
        opened(&switch).await.unwrap_or_else(|failure| panic!("{config}: {failure}"));
    }
}

#[tokio::test]
async fn what_can_not_be_had_is_said_to_be_so_and_what_is_of_today_needs_no_name() {
    if !is_there() {
        return;
    }
    let sshd = OpenSsh::start("Ciphers aes128-ctr\nMACs hmac-md5");
    let failure = opened(&sshd.switch("ed25519")).await.expect_err("MD5");
    assert_eq!(failure.class, FailureClass::KeyExchangeFailed);
    assert!(failure.detail.contains("not even by allow_algorithms"), "{failure}");
    for config in [
        "KexAlgorithms ecdh-sha2-nistp256",
        "KexAlgorithms ecdh-sha2-nistp521",
        "Ciphers aes128-gcm@openssh.com",
    ] {
        let sshd = OpenSsh::start(config);
        opened(&sshd.switch("ed25519")).await.unwrap_or_else(|failure| panic!("{config}: {failure}"));
    }
}

#[tokio::test]
async fn an_rsa_key_signs_over_sha_1_only_for_a_switch_whose_record_names_it() {
    if !is_there() {
        return;
    }
    let sshd = OpenSsh::start("PubkeyAcceptedAlgorithms ssh-rsa");
    let mut switch = sshd.switch("rsa");
    let failure = opened(&switch).await.expect_err("SHA-1 is not allowed");
    assert_eq!(failure.class, FailureClass::AuthenticationRefused);
    assert!(failure.detail.contains("its allow_algorithms don't name \"ssh-rsa\""), "{failure}");
    switch.allow_algorithms = vec![LegacyAlgorithm::SshRsa];
    opened(&switch).await.expect("allowed");
}

/// A bench whose switch is reached through a real OpenSSH.
async fn behind(sshd: &OpenSsh) -> Bench {
    let mut bench = Bench::new(Personality::Ios, |_| ()).await;
    bench.switch.jump_host = Some(Box::new(sshd.jump_host()));
    bench.driver.settings.connect_ms = 5_000;
    bench.driver.settings.key_exchange_ms = 10_000;
    bench.driver.settings.close_ms = 5_000;
    bench
}

#[tokio::test]
async fn a_switch_behind_a_jump_host_is_configured_through_one_socket_that_the_guard_holds() {
    if !is_there() {
        return;
    }
    let sshd = OpenSsh::start("");
    let bench = behind(&sshd).await;
    let mut session = bench.opened().await;
    let found = bench.provision(&mut session, &want(None)).await.expect("provisioned");
    assert_eq!(want(None).differences(&found), []);
    let second = bench.open().await.err().expect("a second session is refused");
    assert_eq!(second.class, FailureClass::SessionLost, "{second}");
    session.probe().await.expect("the refusal of the second left the first alone");
    session.close().await;
    assert!(!bench.guard.is_open());

    // Whoever holds the guard ends both connections.
    let mut session = bench.opened().await;
    bench.guard.shut_down().await;
    let lost = session.read_port(&bench.port()).await.expect_err("shut down");
    assert_eq!(lost.class, FailureClass::SessionLost, "{lost}");
    session.close().await;

    let mut session = bench.opened().await;
    bench.device().cut_sessions();
    assert_eq!(session.read_port(&bench.port()).await.expect_err("cut").class, FailureClass::SessionLost);
    session.close().await;
    bench.until_closed().await;
}

#[tokio::test]
async fn when_the_tenure_is_over_not_a_byte_leaves_through_a_jump_host_either() {
    if !is_there() {
        return;
    }
    let sshd = OpenSsh::start("");
    let mut bench = behind(&sshd).await;
    let tenure = Tenure::new(Arc::new(crate::machine::SystemClock));
    assert!(tenure.extend(Duration::MAX));
    bench.guard = bench.guard.under(tenure.clone());
    let mut session = bench.opened().await;
    let commands = bench.device().counts().commands;
    tenure.end();
    assert_eq!(session.read_port(&bench.port()).await.expect_err("over").class, FailureClass::SessionLost);
    session.close().await;
    bench.until_closed().await;
    assert_eq!(bench.device().counts().commands, commands);
}

#[tokio::test]
async fn what_fails_at_the_jump_host_is_told_from_what_fails_behind_it() {
    if !is_there() {
        return;
    }
    let sshd = OpenSsh::start("");
    let mut bench = behind(&sshd).await;
    let right = sshd.jump_host();
    let jump = |change: &dyn Fn(&mut JumpHost)| {
        let mut jump = right.clone();
        change(&mut jump);
        Some(Box::new(jump))
    };
    type Change<'a> = &'a dyn Fn(&mut JumpHost);
    let table: [(Change<'_>, FailureClass, &str); 4] = [
        (&|jump| jump.ssh_port = free_port(), FailureClass::Unreachable, "refused the connection"),
        (
            &|jump| jump.credentials.private_key = Some(sshd.file("stranger")),
            FailureClass::AuthenticationRefused,
            "refused the login",
        ),
        (&|jump| jump.host_key = Some(sshd.public("stranger")), FailureClass::HostKeyChanged, "another one"),
        (&|jump| jump.host_key = None, FailureClass::HostKeyChanged, "nobody knows"),
    ];
    bench.driver.settings.trust_on_first_use = true;
    for (change, class, told) in table {
        bench.switch.jump_host = jump(change);
        let failure = bench.refusal().await;
        assert_eq!(failure.class, class, "{failure}");
        assert!(
            failure.detail.starts_with("the jump host bastion at ") && failure.detail.contains(told),
            "{failure}"
        );
        sshd.assert_secretless(&failure);
    }
    bench.switch.jump_host = jump(&|_| ());
    let right_port = std::mem::replace(&mut bench.switch.ssh_port, free_port());
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::Unreachable, "{failure}");
    assert!(failure.detail.contains("can't be reached through the jump host bastion"), "{failure}");

    let deaf = OpenSsh::start("AllowTcpForwarding no");
    bench.switch.ssh_port = right_port;
    bench.switch.jump_host = Some(Box::new(deaf.jump_host()));
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::Misconfigured, "{failure}");
}

#[tokio::test]
async fn a_connect_through_a_jump_host_that_is_cut_anywhere_leaves_no_task_and_no_socket() {
    if !is_there() {
        return;
    }
    let (sshd, elsewhere) = (OpenSsh::start("MaxStartups 100"), Elsewhere::switch(PASSWORD, |_| ()));
    let cutter = Cutter::before(sshd.address);
    let bench = behind(&sshd).await;
    let mut switch = bench.switch.clone();
    switch.ssh_port = elsewhere.address.port();
    switch.host_key = Some(elsewhere.host_key.clone());
    switch.jump_host = Some(Box::new(JumpHost { ssh_port: cutter.address().port(), ..sshd.jump_host() }));
    let settings = Settings { authentication_ms: 1_000, ..hasty(bench.driver.settings.clone()) };
    bench.fleet.stop().await;
    let driver = Driver::new(settings, Platforms::load(None).expect("the built-in platforms"));
    let range = Range { driver, switch, guard: SessionGuard::default(), cutter };
    range.cut_everywhere(16).await;
}
