"""What is said to a Cisco IOS switch, as in config/platforms/cisco_ios.toml, and what its answers mean. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_OPENS_MODE = re.compile(r"interface ")
_ALONE = re.compile(r"(no shutdown|switchport mode .*|switchport port-security)$")
_REFUSED = re.compile(
    r"^(?:\s*%(?! Access VLAN does not exist\. Creating vlan \d+)"
    r"|Command rejected|Found duplicate mac-address|Total secure)",
    re.MULTILINE,
)
_WHOLE = re.compile(r"^interface \S[^\x00]*^end\s*$", re.MULTILINE)
_FIELDS = re.compile(
    r"^ (?:(?P<shutdown>shutdown)"
    r"|switchport access vlan (?P<vlan>\d+)"
    r"|switchport mode (?P<mode>\S+)"
    r"|service-policy input (?P<policy_in>\S+)"
    r"|service-policy output (?P<policy_out>\S+)"
    r"|switchport port-security mac-address (?P<mac>\S+)"
    r"|switchport port-security violation (?P<violation>\S+)"
    r"|(?P<secured>switchport port-security))\s*$",
    re.MULTILINE,
)

OPENING = ["terminal length 0", "terminal width 511"]
ENTER = "configure terminal"
LEAVE = "end"
SAVE = "write memory"
SAVED = "[OK]"


class Unreadable(Exception):
    """The answer to a read isn't one."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port, as it is or as it must be."""

    enabled: bool
    mode: str | None
    vlan: int | None
    policy_in: str | None
    policy_out: str | None
    mac: str | None = None
    violation: str | None = None
    secured: bool = False


def wanted(vlan: int, down_kbps: int | None, up_kbps: int | None, mac: str | None) -> Port:
    return Port(
        enabled=True,
        mode="access",
        vlan=vlan,
        policy_in=f"SY-{up_kbps}K" if up_kbps else None,
        policy_out=f"SY-{down_kbps}K" if down_kbps else None,
        mac=f"{mac[:4]}.{mac[4:8]}.{mac[8:]}" if mac else None,
        violation="restrict" if mac else None,
        secured=mac is not None,
    )


def read_command(port: str) -> str:
    return f"show running-config interface {port}"


def parse_port(answer: str) -> Port | None:
    """Nothing when the switch has no such port."""
    if is_refused(answer):
        return None
    if not _WHOLE.search(answer):
        raise Unreadable(answer)
    found = {m.lastgroup: m[m.lastgroup] for m in _FIELDS.finditer(answer) if m.lastgroup}
    vlan = found.get("vlan")
    return Port(
        enabled="shutdown" not in found,
        mode=found.get("mode"),
        vlan=int(vlan) if vlan else None,
        policy_in=found.get("policy_in"),
        policy_out=found.get("policy_out"),
        mac=found.get("mac"),
        violation=found.get("violation"),
        secured="secured" in found,
    )


def is_refused(answer: str) -> bool:
    return _REFUSED.search(answer) is not None


def lines(port: str, want: Port, before: Port) -> list[str]:
    """From what stands there to what must; the same way leads back, for an undo."""
    return [*policy_lines(want), *port_lines(port, want, before)]


def port_lines(port: str, want: Port, before: Port) -> list[str]:
    """Those of them that are about the port."""
    return [
        f"interface {port}",
        *_access(want, before),
        *_security(want, before),
        *(["no switchport mode"] if before.mode and not want.mode else []),
        "no shutdown" if want.enabled else "shutdown",
    ]


def policy_lines(want: Port) -> Iterator[str]:
    """Those that every port wants which has these speeds."""
    for policy in (want.policy_out, want.policy_in):
        rate = re.fullmatch(r"SY-(\d+)K", policy or "")
        if rate:
            yield from (
                f"policy-map {policy}",
                "class class-default",
                f"police {int(rate[1]) * 1000}",
            )


def _access(want: Port, before: Port) -> Iterator[str]:
    if want.mode:
        yield f"switchport mode {want.mode}"
    yield f"switchport access vlan {want.vlan}" if want.vlan else "no switchport access vlan"
    if before.policy_in:
        yield f"no service-policy input {before.policy_in}"
    if before.policy_out:
        yield f"no service-policy output {before.policy_out}"
    if want.policy_in:
        yield f"service-policy input {want.policy_in}"
    if want.policy_out:
        yield f"service-policy output {want.policy_out}"


def _security(want: Port, before: Port) -> Iterator[str]:
    if before.mac:
        yield "no switchport port-security"
        yield f"no switchport port-security mac-address {before.mac}"
    if want.mac:
        yield "switchport port-security maximum 1"
        yield (
            f"switchport port-security violation {want.violation}"
            if want.violation
            else ("no switchport port-security violation")
        )
        yield f"switchport port-security mac-address {want.mac}"
    elif before.violation:
        yield "no switchport port-security violation"
    if want.secured:
        yield "switchport port-security"


def blocks(of: list[str]) -> list[list[str]]:
    """What is sent at once: up to a line that opens a mode, and what makes a port live by itself."""
    found: list[list[str]] = []
    goes_on = False
    for line in of:
        is_alone = _ALONE.match(line) is not None
        if goes_on and not is_alone:
            found[-1].append(line)
        else:
            found.append([line])
        goes_on = not is_alone and _OPENS_MODE.match(line) is None
    return found
