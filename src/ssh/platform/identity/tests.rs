//! What devices say they are, in the layouts of their vendors' documents and of public reports: each is of its own platform, and of
//! no other.

use super::super::Platforms;

/// Platform, answer, serial number and model.
type Told = (&'static str, &'static str, Option<&'static str>, Option<&'static str>);

const ANSWERS: [Told; 20] = [
    (
        "cisco_ios",
        "Cisco IOS Software, C2960X Software (C2960X-UNIVERSALK9-M), Version 15.2(7)E\nProcessor board ID FOC1234X0AB\n",
        Some("FOC1234X0AB"),
        None,
    ),
    (
        "arista_eos",
        "Arista DCS-7050TX-48-R\nSerial number: JPE12345678\n",
        Some("JPE12345678"),
        Some("DCS-7050TX-48-R"),
    ),
    (
        "juniper_junos",
        "Hardware inventory:\nItem             Version  Part number  Serial number     Description\n\
         Chassis                                NW0217460123      EX3400-48T\n\
         Pseudo CB 0\n\
         FPC 0            REV 12   650-059881   NW0217460123      EX3400-48T\n",
        Some("NW0217460123"),
        Some("EX3400-48T"),
    ),
    // One member's answer of several, and a virtual chassis.
    (
        "juniper_junos",
        "fpc0:\n--------------------------------------------------------------------------\n\
         Hardware inventory:\nItem             Version  Part number  Serial number     Description\n\
         Chassis                                XH3119320077      Virtual Chassis\n\
         FPC 0            REV 17   650-023442   XH3119320012      JNP48Y8C-CHAS\n",
        Some("XH3119320077"),
        Some("Virtual Chassis"),
    ),
    (
        "juniper_junos",
        "Hardware inventory:\nItem             Version  Part number  Serial number     Description\n\
         Chassis                                                  VQFX-10000\n\
         FPC 0            REV 12   650-059881   NW0217460123      EX3400-48T\n",
        None,
        None,
    ),
    (
        "aruba_aoscx",
        "Hostname           : cx1\n\nVendor             : Aruba\nProduct Name       : JL664A 6300M 24G 4SFP56 Swch\n\
         Chassis Serial Nbr : SG90KN7001\nBase MAC Address   : 883a30-000001\nArubaOS-CX Version : FL.10.10.1010\n",
        Some("SG90KN7001"),
        Some("JL664A 6300M 24G 4SFP56 Swch"),
    ),
    (
        "aruba_aoscx",
        "Hostname               : cx1                           \nVendor                 : HPE ANW                       \n\
         Product Name           : R8N86A 6000 48G 4SFP Swch            \nChassis Serial Nbr     : VN31L7Z001                    \n\
         AOS-CX Version         : PL.10.15.1030                 \n",
        Some("VN31L7Z001"),
        Some("R8N86A 6000 48G 4SFP Swch"),
    ),
    (
        "aruba_aoscx",
        "Product Name       :\nChassis Serial Nbr :\nArubaOS-CX Version : FL.10.10.1010\n",
        None,
        None,
    ),
    (
        "aruba_aoss",
        " Status and Counters - General System Information\n\n  System Name        : sw1\n\n\
         \x20 Software revision  : KB.16.10.0020        Base MAC Addr      : 9457a5-000001    \n\
         \x20 ROM Version        : KB.16.01.0006        Serial Number      : SG91FLX0K1  \n",
        Some("SG91FLX0K1"),
        None,
    ),
    // A stack: one member below the other.
    (
        "aruba_aoss",
        "\n Status and Counters - General System Information\n\n  Software revision  : WC.16.11.0027\n\n VSF-Member :1\n\n\
         \x20 Serial Number      : CN82HKW001\n\n VSF-Member :2\n\n  Serial Number      : CN82HKW002\n",
        Some("CN82HKW001"),
        None,
    ),
    (
        "aruba_aoss",
        " Status and Counters - General System Information\n  Software revision  : WB.16.08.0001\n  Serial Number      :\n\n",
        None,
        None,
    ),
    (
        "ubiquiti_edgeswitch",
        "\nSwitch: 1\n\nSystem Description............................. EdgeSwitch 48 500W, 1.9.1, Linux 3.6.5-03329b4a\n\
         Machine Type................................... EdgeSwitch 48 500W\n\
         Machine Model.................................. ES-48-500W\n\
         Serial Number.................................. F09FC2D47B10\n",
        Some("F09FC2D47B10"),
        Some("ES-48-500W"),
    ),
    (
        "mikrotik_routeros",
        "platform=MikroTik\nmodel=RouterBOARD 750UP r2\nserial=8B0208F4D001\n\nno exit status\n",
        Some("8B0208F4D001"),
        Some("RouterBOARD 750UP r2"),
    ),
    ("mikrotik_routeros", "platform=MikroTik\nno such item\n\nno exit status\n", None, None),
    ("mikrotik_routeros", "platform=MikroTik\nmodel=\nserial=\n\nno exit status\n", None, None),
    (
        "openvswitch",
        "ovs-vsctl (Open vSwitch) 3.1.0\nDB Schema 8.3.1\nmodel=PowerEdge R340\nserial=7ZK2N93\n",
        Some("7ZK2N93"),
        Some("PowerEdge R340"),
    ),
    (
        "openvswitch",
        "ovs-vsctl (Open vSwitch) 3.1.0\nDB Schema 8.3.1\nmodel=\nserial=To be filled by O.E.M.\n",
        None,
        None,
    ),
    ("linux_bridge", "ip utility, iproute2-6.1.0, libbpf 1.1.2\nserial=7ZK2N93\n", Some("7ZK2N93"), None),
    ("linux_bridge", "ip utility, iproute2-6.1.0, libbpf 1.1.2\nserial=Not Specified\n", None, None),
    (
        "dell_powerconnect",
        "\nImage Descriptions\n\n image1 : default image\n\n Images currently available on Flash\n\n\
         --------------------------------------------------------------------\n\
         \x20unit      image1      image2     current-active        next-active\n\
         --------------------------------------------------------------------\n\n\
         \x20   1     3.3.7.3     3.3.7.3             image1             image1\n",
        None,
        None,
    ),
];

#[test]
fn each_answer_is_of_its_own_platform_and_of_no_other_and_tells_what_stands_in_it() {
    let platforms = Platforms::load(None).expect("those that ship");
    for (of, answer, serial, model) in ANSWERS {
        for name in platforms.names() {
            let identity = platforms.get(name).and_then(|platform| platform.identity.as_ref());
            let told = identity.unwrap_or_else(|| panic!("{name} can't tell who it is")).read(answer);
            assert_eq!(told.is_some(), name == of, "{name}: {answer}");
            let Some(told) = told else { continue };
            assert_eq!((told.serial.as_deref(), told.model.as_deref()), (serial, model), "{answer}");
        }
    }
}

/// Broadcom's command line is sold under many names.
#[test]
fn a_relative_of_another_maker_is_none_of_ours() {
    let relative = "\nSwitch: 1\n\nSystem Description............................. M4300-28G ProSAFE 24-port 1G\n\
        Machine Type................................... M4300-28G\nMachine Model.................................. M4300-28G\n\
        Serial Number.................................. 4X0A000001\n";
    let platforms = Platforms::load(None).expect("those that ship");
    for name in platforms.names() {
        let identity = platforms.get(name).and_then(|platform| platform.identity.as_ref());
        assert_eq!(identity.and_then(|identity| identity.read(relative)), None, "{name}");
    }
}
