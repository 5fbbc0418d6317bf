"""What the operator owns in the world of the checks: partners, plans, a unit, and places with something wrong."""

from dataclasses import dataclass
from pathlib import Path

from checks.processes import free_port

SWITCHES = 4
PORTS = 24


@dataclass(frozen=True, slots=True)
class Partner:
    id: str
    secret: str


PARTNER = Partner("8b0c6a1e-5f0e-4c47-9a39-0d3c7e1f2a10", "whsec-of-the-first-partner-0001")
OTHER = Partner("c61a9df2-7c0f-4f4b-8a55-2a9e1c5d7b20", "whsec-of-the-other-partner-0002")
STRANGER = "00000000-0000-4000-8000-000000000001"

PLAN = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
SECOND_PLAN = "3f2504e0-4f89-41d3-9a0c-0305e82c3302"
INACTIVE_PLAN = "3f2504e0-4f89-41d3-9a0c-0305e82c3303"
OTHERS_PLAN = "3f2504e0-4f89-41d3-9a0c-0305e82c3304"
OTHERS_INACTIVE_PLAN = "3f2504e0-4f89-41d3-9a0c-0305e82c3305"
UNKNOWN_PLAN = "3f2504e0-4f89-41d3-9a0c-0305e82c33ff"
UNIT = "9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d"
UNKNOWN_UNIT = "9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7cff"

EXPIRED_LOCATION = "eeeeeeee01"
NO_SUCH_PORT = "eeeeeeee02"
UNREACHABLE = "eeeeeeee03"
UNKNOWN_LOCATION = "ffffffffff"

VLAN, DOWN_KBPS, UP_KBPS = 142, 100_000, 20_000


def write_inventory(into: Path, switches: Path, webhook_url: str) -> None:
    """The simulator's part ends with the ports of its last switch; those that follow it are that switch's, too."""
    into.write_text(
        "".join(
            [
                *(_partner(partner, webhook_url) for partner in (PARTNER, OTHER)),
                _plan(PLAN, PARTNER, VLAN, DOWN_KBPS, UP_KBPS),
                _plan(SECOND_PLAN, PARTNER, 143, 250_000, 50_000),
                _plan(INACTIVE_PLAN, PARTNER, 144, 25_000, 5_000, active="false"),
                _plan(OTHERS_PLAN, OTHER, 145, 50_000, 10_000),
                _plan(OTHERS_INACTIVE_PLAN, OTHER, 145, 50_000, 10_000, active="false"),
                f'[[unit]]\nid = "{UNIT}"\nname = "flat 12"\n',
                switches.read_text().rstrip(),
                '\n"GigabitEthernet1/0/97" = { locations = [{ hash = "',
                f'{EXPIRED_LOCATION}", expires_at = 2020-01-01T00:00:00Z }}] }}\n',
                f'"GigabitEthernet1/0/99" = "{NO_SUCH_PORT}"\n',
                _unreachable_switch(),
            ]
        )
    )


def _partner(partner: Partner, webhook_url: str) -> str:
    return (
        f'[[partner]]\nid = "{partner.id}"\nname = "partner"\n'
        f'webhook_secret = "{partner.secret}"\nwebhook_url = "{webhook_url}"\n'
    )


def _plan(plan: str, of: Partner, vlan: int, down_kbps: int, up_kbps: int, active: str = "true") -> str:
    return (
        f'[[plan]]\nid = "{plan}"\npartner = "{of.id}"\nname = "plan"\nvlan = {vlan}\n'
        f"down_kbps = {down_kbps}\nup_kbps = {up_kbps}\nactive = {active}\n"
    )


def _unreachable_switch() -> str:
    return (
        f'[[switch]]\nname = "gone"\nhost = "127.0.0.1"\nssh_port = {free_port()}\nplatform = "cisco_ios"\n'
        'username = "admin"\npassword = "env:SIMULATED_PASSWORD"\ncaptive_portal_vlan = 999\n'
        'host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ"\n'
        f'[switch.ports]\n"GigabitEthernet1/0/1" = "{UNREACHABLE}"\n'
    )
