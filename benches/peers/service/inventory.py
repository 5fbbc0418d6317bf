"""The operator's inventory, read once into every process: what is looked up for a checkout costs no round trip."""

import os
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Partner:
    id: str
    secret: bytes
    webhook_url: str


@dataclass(frozen=True, slots=True)
class Plan:
    id: str
    partner: str
    vlan: int
    down_kbps: int | None
    up_kbps: int | None
    active: bool


@dataclass(frozen=True, slots=True)
class Switch:
    name: str
    host: str
    ssh_port: int
    username: str
    password: str
    host_key: str | None


@dataclass(frozen=True, slots=True)
class Location:
    switch: str
    port: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Inventory:
    partners: dict[str, Partner]
    plans: dict[str, Plan]
    units: frozenset[str]
    switches: dict[str, Switch]
    locations: dict[str, Location]


Table = dict[str, Any]


def load(path: Path) -> Inventory:
    tables = tomllib.loads(path.read_text())
    switches = tables.get("switch", [])
    return Inventory(
        partners={_key(table["id"]): _partner(table) for table in tables.get("partner", [])},
        plans={_key(table["id"]): _plan(table) for table in tables.get("plan", [])},
        units=frozenset(_key(table["id"]) for table in tables.get("unit", [])),
        switches={table["name"]: _switch(table) for table in switches},
        locations={found: place for table in switches for found, place in _locations(table)},
    )


def _key(uuid: str) -> str:
    return uuid.lower()


def _secret(reference: str) -> str:
    kind, _, name = reference.partition(":")
    if kind == "env":
        return os.environ[name]
    if kind == "file":
        return Path(name).read_text().strip()
    return reference


def _partner(table: Table) -> Partner:
    return Partner(_key(table["id"]), _secret(table["webhook_secret"]).encode(), table["webhook_url"])


def _plan(table: Table) -> Plan:
    return Plan(
        id=_key(table["id"]),
        partner=_key(table["partner"]),
        vlan=table["vlan"],
        down_kbps=_kbps(table, "down"),
        up_kbps=_kbps(table, "up"),
        active=table.get("active", True),
    )


def _kbps(table: Table, direction: str) -> int | None:
    mbps = table.get(f"{direction}_mbps")
    return table.get(f"{direction}_kbps") if mbps is None else mbps * 1000


def _switch(table: Table) -> Switch:
    if table["platform"] != "cisco_ios":
        raise ValueError(f"{table['name']}: cisco_ios is the only platform here, not {table['platform']}")
    return Switch(
        name=table["name"],
        host=table["host"],
        ssh_port=table.get("ssh_port", 22),
        username=table["username"],
        password=_secret(table["password"]),
        host_key=table.get("host_key"),
    )


def _locations(switch: Table) -> list[tuple[str, Location]]:
    found = []
    for port, entry in switch.get("ports", {}).items():
        listed = entry.get("locations", []) if isinstance(entry, dict) else [entry]
        for location in listed:
            token = location["hash"] if isinstance(location, dict) else location
            expires_at = location.get("expires_at") if isinstance(location, dict) else None
            found.append((token.lower(), Location(switch["name"], port, expires_at)))
    return found
