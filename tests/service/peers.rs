//! Peers that we did not write: a router's command line behind OpenSSH, and switches of a public simulator. They agree with
//! nobody's platform file; where they are less than the vendor's device, a file of their own beside the tests says so.

mod fake_switches;
mod frr;
mod process;
mod router;
mod told;

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use switchyard::ssh::{Driver, Platforms, Settings};
use switchyard_actors::domain::config::{PortConfig, VlanId};
use switchyard_actors::domain::failure::DriverFailure;
use switchyard_actors::domain::ids::{PortName, SwitchId};
use switchyard_actors::domain::inventory::{Credentials, Switch};
use switchyard_actors::domain::text::MacAddress;
use switchyard_actors::ports::driver::{Intent, SwitchDriver, SwitchSession};
use switchyard_actors::ports::guard::SessionGuard;

const MAC: &str = "02:00:5e:10:00:0a";

/// The platform files of peers that are less than what they play.
fn platform_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service/peers/platforms")
}

/// One of them, as an inventory would have it.
struct Peer {
    name: String,
    platform: &'static str,
    address: SocketAddrV4,
    host_key: String,
    credentials: Credentials,
}

impl Peer {
    fn switch(&self) -> Switch {
        Switch {
            id: SwitchId::parse("peer").expect("a name"),
            host: self.address.ip().to_string(),
            ssh_port: self.address.port(),
            platform: self.platform.into(),
            credentials: self.credentials.clone(),
            host_key: Some(self.host_key.clone()),
            host_name: Some(self.name.clone()),
            serial: None,
            captive_portal_vlan: vlan(999),
            allow_algorithms: Vec::new(),
            jump_host: None,
        }
    }

    async fn open(&self) -> Result<Box<dyn SwitchSession>, DriverFailure> {
        open(&self.switch()).await
    }

    async fn session(&self) -> Box<dyn SwitchSession> {
        self.open().await.unwrap_or_else(|failure| panic!("{}: {failure:?}", self.name))
    }
}

async fn open(switch: &Switch) -> Result<Box<dyn SwitchSession>, DriverFailure> {
    let settings = Settings { command_ms: 5_000, save_ms: 5_000, ..Settings::default() };
    let platforms = Platforms::load(Some(&platform_folder())).expect("those that ship, and these");
    Driver::new(settings, platforms).open(switch, &SessionGuard::default(), &mut String::new()).await
}

fn vlan(number: u16) -> VlanId {
    VlanId::try_from(number).expect("a VLAN")
}

fn port(name: &str) -> PortName {
    PortName::parse(name).expect("a name")
}

fn config(number: u16, speeds_kbps: Option<(u64, u64)>, mac: Option<&str>) -> PortConfig {
    PortConfig {
        enabled: true,
        access_vlan: Some(vlan(number)),
        down_kbps: speeds_kbps.map(|(down, _)| down),
        up_kbps: speeds_kbps.map(|(_, up)| up),
        mac: mac.map(|mac| MacAddress::parse(mac).expect("a MAC address")),
        extra: BTreeMap::new(),
    }
}

/// Brings the port to `want`, and reads it back.
async fn change(
    session: &mut dyn SwitchSession,
    name: &PortName,
    intent: Intent,
    want: &PortConfig,
) -> Result<PortConfig, DriverFailure> {
    let before = session.read_port(name).await?;
    let lines = session.render(intent, name, want, &before)?;
    session.apply_to(name, &lines).await?;
    session.read_port(name).await
}

/// Each of these in turn, read back without a difference.
async fn verify_each(session: &mut dyn SwitchSession, name: &PortName, wants: &[PortConfig]) {
    for want in wants {
        let changed = change(session, name, Intent::Provision, want).await;
        let found = changed.unwrap_or_else(|failure| panic!("{failure}: {}", session.take_transcript()));
        assert_eq!(want.differences(&found), [], "{}", session.take_transcript());
    }
}

async fn undo(session: &mut dyn SwitchSession, name: &PortName, before: &PortConfig) {
    let undone = change(session, name, Intent::Restore, before).await;
    assert_eq!(undone.as_ref(), Ok(before), "{}", session.take_transcript());
}
