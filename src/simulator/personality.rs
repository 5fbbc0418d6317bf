//! Which vendor's device a switch plays, and the names that vendor gives to things.
//!
//! The one place that chooses between personalities; each one's commands and texts are in its own folder.

use super::command::{Line, Question, Reply, Visit};
use super::configuration::Configuration;
use super::device::Device;
use super::grammar::is_start;
use super::{aos_s, aoscx, edgeswitch, eos, ios, junos, routeros};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Personality {
    /// Cisco IOS and IOS-XE.
    Ios,
    /// Arista EOS.
    Eos,
    /// Juniper Junos.
    Junos,
    /// HPE Aruba AOS-CX.
    Aoscx,
    /// Ubiquiti EdgeSwitch, of Broadcom's FASTPATH family.
    EdgeSwitch,
    /// HPE Aruba AOS-S, the former ProCurve.
    AosS,
    /// MikroTik RouterOS on a switch of the CRS3xx kind: a command a channel, and no shell.
    RouterOs,
}

impl Personality {
    pub const ALL: [Self; 7] =
        [Self::Ios, Self::Eos, Self::Junos, Self::Aoscx, Self::EdgeSwitch, Self::AosS, Self::RouterOs];

    /// The platform that drives it, as an inventory names it. For whoever writes an inventory; nothing here asks.
    pub fn platform(self) -> &'static str {
        match self {
            Self::Ios => "cisco_ios",
            Self::Eos => "arista_eos",
            Self::Junos => "juniper_junos",
            Self::Aoscx => "aruba_aoscx",
            Self::EdgeSwitch => "ubiquiti_edgeswitch",
            Self::AosS => "aruba_aoss",
            Self::RouterOs => "mikrotik_routeros",
        }
    }

    /// What the SSH server says it is.
    pub(super) fn identification(self) -> &'static str {
        match self {
            Self::Ios => "SSH-2.0-Cisco-1.25",
            Self::Eos => "SSH-2.0-OpenSSH_9.6",
            Self::Junos => "SSH-2.0-OpenSSH_7.5",
            Self::Aoscx => "SSH-2.0-OpenSSH_8.7",
            Self::EdgeSwitch => "SSH-2.0-OpenSSH_7.4",
            Self::AosS => "SSH-2.0-Mocana SSH 6.3",
            Self::RouterOs => "SSH-2.0-ROSSSH",
        }
    }

    /// Sent when the shell opens, before the first prompt, or the key that it waits for.
    pub(super) fn greeting(self) -> &'static str {
        match self {
            Self::Ios | Self::EdgeSwitch => "\r\n",
            Self::Eos => "",
            Self::Aoscx => "Last login: 2024-05-06 06:38:48 from 127.0.0.1\r\n\r\n",
            Self::Junos => "--- JUNOS 20.4R3.8 Kernel 32-bit  JNPR-11.0-20210618\r\n",
            Self::AosS => aos_s::GREETING,
            Self::RouterOs => "",
        }
    }

    /// Whether commands come each on a channel of its own, and not in a shell.
    pub(super) fn is_told_by_exec(self) -> bool {
        self == Self::RouterOs
    }

    /// What is said when a key was pressed at the greeting; `None` where it waits for none.
    pub(super) fn welcome(self) -> Option<&'static str> {
        match self {
            Self::Ios | Self::Eos | Self::Junos | Self::Aoscx | Self::EdgeSwitch | Self::RouterOs => None,
            Self::AosS => Some(aos_s::WELCOME),
        }
    }

    /// What Enter is echoed as.
    pub(super) fn enter(self) -> &'static [u8] {
        match self {
            Self::Ios | Self::Eos | Self::Junos | Self::Aoscx | Self::EdgeSwitch | Self::RouterOs => b"\r\n",
            Self::AosS => aos_s::ENTER,
        }
    }

    /// What a line begins with that means nothing.
    pub(super) fn comment_mark(self) -> char {
        match self {
            Self::Ios | Self::Eos | Self::Aoscx | Self::EdgeSwitch => '!',
            Self::Junos => '#',
            Self::AosS => ';',
            Self::RouterOs => '#',
        }
    }

    pub(super) fn comment_refusal(self) -> &'static str {
        match self {
            Self::Ios | Self::Eos | Self::EdgeSwitch => "% Invalid input",
            Self::Junos => "unknown command.",
            Self::Aoscx => "Invalid input: !",
            Self::AosS => "Invalid input: ;",
            Self::RouterOs => "bad command name # (line 1 column 1)",
        }
    }

    /// What stands at the foot of a screen that has more to come.
    pub(super) fn pager_mark(self) -> &'static str {
        match self {
            Self::Ios | Self::Eos => " --More-- ",
            Self::Junos => "---(more)---",
            Self::Aoscx => "-- MORE --, next page: Space, next line: Enter, quit: q",
            Self::EdgeSwitch => edgeswitch::MORE,
            Self::AosS => aos_s::MORE,
            Self::RouterOs => "-- [Q quit|D dump|down]",
        }
    }

    /// Whether a line feed is none of the keys that end a line.
    pub(super) fn ignores_line_feed(self) -> bool {
        match self {
            Self::Ios | Self::Eos | Self::Junos | Self::EdgeSwitch | Self::RouterOs => false,
            Self::Aoscx | Self::AosS => true,
        }
    }

    /// A prompt as it is drawn on the terminal.
    pub(super) fn drawn(self, prompt: &str) -> String {
        match self {
            Self::Ios | Self::Eos | Self::Junos | Self::Aoscx | Self::RouterOs => prompt.to_owned(),
            Self::EdgeSwitch => format!("\r\n{prompt}"),
            Self::AosS => aos_s::drawn(prompt),
        }
    }

    pub(super) fn prompt(self, device: &Device, line: &Line) -> String {
        match self {
            Self::Ios => ios::prompt(&device.name, &line.mode),
            Self::Eos => eos::prompt(&device.name, line),
            Self::Junos => junos::prompt(device, line),
            Self::Aoscx => aoscx::prompt(&device.name, &line.mode),
            Self::EdgeSwitch => edgeswitch::prompt(&device.name, &line.mode),
            Self::AosS => aos_s::prompt(&device.name, &line.mode),
            Self::RouterOs => routeros::prompt(&device.name, &device.username),
        }
    }

    pub(super) fn run(self, visit: &mut Visit<'_>, line: &str) -> Reply {
        match self {
            Self::Ios => ios::run(visit, line),
            Self::Eos => eos::run(visit, line),
            Self::Junos => junos::run(visit, line),
            Self::Aoscx => aoscx::run(visit, line),
            Self::EdgeSwitch => edgeswitch::run(visit, line),
            Self::AosS => aos_s::run(visit, line),
            Self::RouterOs => routeros::run(visit, line),
        }
    }

    pub(super) fn answer(self, visit: &mut Visit<'_>, question: Question, answer: &str) -> Reply {
        match self {
            Self::Ios => ios::answer(visit, question, answer),
            Self::Eos => eos::answer(visit, question, answer),
            Self::Junos => junos::answer(visit, question, answer),
            Self::Aoscx => aoscx::answer(visit, question, answer),
            Self::EdgeSwitch => edgeswitch::answer(visit, question, answer),
            Self::AosS => aos_s::answer(visit, question, answer),
            Self::RouterOs => Reply::Silence,
        }
    }

    /// The port's configuration as `show running-config interface` prints it.
    pub(super) fn port_text(self, running: &Configuration, port: u16) -> String {
        match self {
            Self::Ios => ios::port_text(running, port),
            Self::Eos => eos::port_text(running, port),
            Self::Junos => junos::port_text(running, port),
            Self::Aoscx => aoscx::port_text(running, port),
            Self::EdgeSwitch => edgeswitch::port_text(running, port),
            Self::AosS => aos_s::port_text(running, port),
            Self::RouterOs => routeros::port_text(running, port),
        }
    }

    pub(super) fn saved(self) -> &'static str {
        match self {
            Self::Ios => "[OK]\n",
            Self::Eos => "Copy completed successfully.\n",
            // A commit saves; there is nothing else that does.
            Self::Junos => "",
            Self::Aoscx => "Copying configuration: [Success]\n",
            Self::EdgeSwitch => edgeswitch::SAVED,
            Self::AosS | Self::RouterOs => "",
        }
    }

    pub(super) fn save_busy(self) -> &'static str {
        match self {
            Self::Ios => "startup-config file open failed (Device or resource busy)\n",
            Self::Eos => {
                "% Error copying system:/running-config to flash:/startup-config (Device or resource busy)\n"
            }
            Self::Junos => "",
            Self::Aoscx => "Copying configuration: [Failed]\n",
            Self::EdgeSwitch => "Configuration Not Saved!\n",
            Self::AosS => "Unable to write to flash.\n",
            Self::RouterOs => "",
        }
    }

    fn interface_type(self) -> &'static str {
        match self {
            Self::Ios => "GigabitEthernet",
            Self::Eos => "Ethernet",
            Self::Junos => "ge-",
            Self::Aoscx | Self::EdgeSwitch | Self::AosS => "",
            Self::RouterOs => "ether",
        }
    }

    /// What stands before the port's number: stack member and module, or the unit.
    fn interface_prefix(self) -> &'static str {
        match self {
            Self::Ios => "1/0/",
            Self::Eos | Self::AosS | Self::RouterOs => "",
            Self::Junos => "0/0/",
            Self::Aoscx => "1/1/",
            Self::EdgeSwitch => "0/",
        }
    }

    /// `GigabitEthernet1/0/7`, `Ethernet7`, `ge-0/0/7`, `1/1/7`, `0/7`, `7`.
    pub fn port_name(self, port: u16) -> String {
        format!("{}{}{port}", self.interface_type(), self.interface_prefix())
    }

    /// `Gi1/0/7`, `Et7`; a name that has no short form is its own.
    pub fn short_port_name(self, port: u16) -> String {
        match self {
            Self::Ios | Self::Eos => {
                format!("{}{}{port}", &self.interface_type()[..2], self.interface_prefix())
            }
            Self::Junos | Self::Aoscx | Self::EdgeSwitch | Self::AosS | Self::RouterOs => {
                self.port_name(port)
            }
        }
    }

    /// Two letters are the least that a device takes for an interface's type, where it may be shortened.
    pub(super) fn is_interface_type(self, word: &str) -> bool {
        match self {
            Self::Ios | Self::Eos => word.len() >= 2 && is_start(word, self.interface_type()),
            Self::Junos | Self::Aoscx | Self::EdgeSwitch | Self::AosS | Self::RouterOs => {
                word == self.interface_type()
            }
        }
    }

    /// The number in any accepted spelling of an interface's name.
    pub(super) fn parse_port(self, name: &str) -> Option<u16> {
        let digits = name.find(|c: char| c.is_ascii_digit())?;
        let (kind, number) = name.split_at(digits);
        if !(self.is_interface_type(kind) || kind.is_empty() && self.interface_type().is_empty()) {
            return None;
        }
        number.strip_prefix(self.interface_prefix())?.parse().ok().filter(|port| *port > 0)
    }

    /// The port that a line names, if it names one.
    pub(super) fn port_in(self, line: &str) -> Option<u16> {
        let is_apart = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '-'));
        let mut before = "";
        line.split(is_apart).filter(|word| !word.is_empty()).find_map(|word| {
            // Where a port's name is a bare number, most numbers are none.
            let can_be = self != Self::AosS || aos_s::is_before_port(before);
            before = word;
            can_be.then(|| self.parse_port(word)).flatten()
        })
    }

    /// In the spelling that tests read, if the device takes this one.
    pub(super) fn parse_mac(self, text: &str) -> Option<String> {
        let (dotted, colons) = (is_grouped(text, '.', 3, 4), is_grouped(text, ':', 6, 2));
        let is_taken = match self {
            Self::Ios | Self::Junos => dotted,
            Self::Eos => dotted || colons,
            Self::Aoscx | Self::EdgeSwitch | Self::RouterOs => colons,
            Self::AosS => is_grouped(text, '-', 2, 6),
        };
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        is_taken.then(|| self.spell_mac(&digits.to_ascii_lowercase()))
    }

    /// `0011.2233.4455`, `00:11:22:33:44:55` or `001122-334455`.
    fn spell_mac(self, digits: &str) -> String {
        match self {
            Self::Ios | Self::Eos | Self::Junos | Self::Aoscx => grouped(digits, ".", 4),
            Self::EdgeSwitch | Self::RouterOs => grouped(&digits.to_ascii_uppercase(), ":", 2),
            Self::AosS => grouped(digits, "-", 6),
        }
    }
}

fn grouped(digits: &str, separator: &str, size: usize) -> String {
    let groups: Vec<_> = (0..digits.len()).step_by(size).map(|at| &digits[at..at + size]).collect();
    groups.join(separator)
}

fn is_grouped(text: &str, separator: char, groups: usize, digits: usize) -> bool {
    let is_group = |group: &str| group.len() == digits && group.chars().all(|c| c.is_ascii_hexdigit());
    text.split(separator).count() == groups && text.split(separator).all(is_group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_has_a_long_and_a_short_name_and_both_are_read_back() {
        for personality in Personality::ALL {
            for name in [personality.port_name(7), personality.short_port_name(7)] {
                assert_eq!(personality.parse_port(&name), Some(7), "{name}");
            }
        }
        assert_eq!(Personality::Ios.parse_port("gig1/0/12"), Some(12));
        assert_eq!(Personality::Ios.parse_port("Te1/0/1"), None);
        assert_eq!(Personality::Ios.parse_port("Gi1/0/0"), None);
        assert_eq!(Personality::Eos.parse_port("Ethernet1/1"), None);
        assert_eq!(Personality::EdgeSwitch.parse_port("1/7"), None);
    }

    #[test]
    fn a_line_names_a_port_in_whatever_place_and_a_number_that_is_none_is_not_taken_for_it() {
        for (personality, line, port) in [
            (Personality::Ios, "show running-config interface GigabitEthernet1/0/7", Some(7)),
            (Personality::Ios, "interface Gi1/0/7", Some(7)),
            (Personality::Ios, "switchport access vlan 142", None),
            (Personality::Eos, "mac address-table static 0011.2233.4455 vlan 9 interface Ethernet7", Some(7)),
            (Personality::Junos, "set interfaces ge-0/0/7 unit 0 family ethernet-switching", Some(7)),
            (Personality::Aoscx, "interface 1/1/7", Some(7)),
            (Personality::Aoscx, "vlan access 142", None),
            (Personality::EdgeSwitch, "show running-config interface 0/7", Some(7)),
            (Personality::AosS, "interface 7 rate-limit all in kbps 20000", Some(7)),
            (Personality::AosS, "vlan 142", None),
            (Personality::RouterOs, "/interface/bridge/port/print where interface=ether7", Some(7)),
        ] {
            assert_eq!(personality.port_in(line), port, "{line}");
        }
    }

    #[test]
    fn a_mac_is_taken_in_the_spellings_that_the_vendor_takes() {
        assert_eq!(Personality::Ios.parse_mac("00AA.2233.44ff").as_deref(), Some("00aa.2233.44ff"));
        assert_eq!(Personality::Ios.parse_mac("00:aa:22:33:44:ff"), None);
        assert_eq!(Personality::Eos.parse_mac("00:aa:22:33:44:ff").as_deref(), Some("00aa.2233.44ff"));
        assert_eq!(Personality::Eos.parse_mac("00aa.2233"), None);
        assert_eq!(Personality::EdgeSwitch.parse_mac("00aa.2233.44ff"), None);
        assert_eq!(
            Personality::EdgeSwitch.parse_mac("00:aa:22:33:44:ff").as_deref(),
            Some("00:AA:22:33:44:FF")
        );
    }
}
