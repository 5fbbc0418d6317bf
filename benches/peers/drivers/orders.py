"""What is to be done: for every switch the same number of ports, one after another."""

from dataclasses import dataclass
from pathlib import Path

from service import inventory, ios
from service.inventory import Switch

_PLANS = [(142, 100_000, 20_000), (143, 1_000_000, 200_000)]


@dataclass(frozen=True, slots=True)
class Order:
    port: str
    want: ios.Port


@dataclass(frozen=True, slots=True)
class Work:
    switches: list[Switch]
    orders: list[Order]
    """Of each switch."""


def of_fleet(fleet: Path, jobs: int) -> Work:
    orders = []
    for number in range(jobs):
        vlan, down_kbps, up_kbps = _PLANS[number % len(_PLANS)]
        orders.append(Order(f"GigabitEthernet1/0/{number + 1}", ios.wanted(vlan, down_kbps, up_kbps, None)))
    return Work(list(inventory.load(fleet).switches.values()), orders)


def judged(order: Order, refused: bool, after: ios.Port | None) -> str | None:
    """What is wrong; nothing when the port is as ordered."""
    if refused:
        return f"{order.port}: a line was refused"
    return None if after == order.want else f"{order.port}: {after} instead of {order.want}"
