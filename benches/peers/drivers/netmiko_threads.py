"""Netmiko in a thread pool, a thread a switch.

Set for speed as its documentation says: `fast_cli`, no session log, reads that end at the known prompt. Lines of the
configuration are verified by their echo: without it each `send_config_set` waits 2 s of silence, for no less CPU.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from netmiko import BaseConnection, ConnectHandler

from drivers.orders import Order, Work, judged
from service import ios
from service.inventory import Switch

_MOST_THREADS = 64


def run(work: Work, opened: Callable[[], None]) -> list[str]:
    with ThreadPoolExecutor(min(len(work.switches), _MOST_THREADS)) as pool:
        sessions = list(pool.map(_open, work.switches))
        opened()
        found = list(pool.map(partial(_serve, work.orders), sessions))
        list(pool.map(BaseConnection.disconnect, sessions))
    return [failure for failures in found for failure in failures]


def _open(switch: Switch) -> BaseConnection:
    return ConnectHandler(
        device_type="cisco_ios",
        host=switch.host,
        port=switch.ssh_port,
        username=switch.username,
        password=switch.password,
        fast_cli=True,
    )


def _serve(orders: list[Order], session: BaseConnection) -> list[str]:
    failures = [_carry_out(session, order) for order in orders]
    return [failure for failure in failures if failure]


def _carry_out(session: BaseConnection, order: Order) -> str | None:
    before = _read(session, order.port)
    said = session.send_config_set(ios.lines(order.port, order.want, before or order.want))
    return judged(order, ios.is_refused(said), _read(session, order.port))


def _read(session: BaseConnection, port: str) -> ios.Port | None:
    shown = session.send_command(ios.read_command(port), expect_string=rf"{session.base_prompt}#", cmd_verify=False)
    return ios.parse_port(str(shown))
