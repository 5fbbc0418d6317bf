"""scrapli in a thread pool, a thread a switch, over its ssh2 transport.

Its reader polls. It pauses longer between two looks than by default, which would cost a third more CPU for as much.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from scrapli import AuthOptions, Cli, SessionOptions
from scrapli.transport import Ssh2Options

from drivers.orders import Order, Work, judged
from service import ios
from service.inventory import Switch

_MOST_THREADS = 64
_CONFIGURATION = "configuration"
_READ_PAUSES = SessionOptions(read_min_delay_ns=1_000_000, read_max_delay_ns=10_000_000)


def run(work: Work, opened: Callable[[], None]) -> list[str]:
    with ThreadPoolExecutor(min(len(work.switches), _MOST_THREADS)) as pool:
        sessions = list(pool.map(_open, work.switches))
        opened()
        found = list(pool.map(partial(_serve, work.orders), sessions))
        list(pool.map(Cli.close, sessions))
    return [failure for failures in found for failure in failures]


def _open(switch: Switch) -> Cli:
    session = Cli(
        definition_file_or_name="cisco_iosxe",
        host=switch.host,
        port=switch.ssh_port,
        auth_options=AuthOptions(username=switch.username, password=switch.password),
        transport_options=Ssh2Options(),
        session_options=_READ_PAUSES,
    )
    session.open()
    return session


def _serve(orders: list[Order], session: Cli) -> list[str]:
    failures = [_carry_out(session, order) for order in orders]
    return [failure for failure in failures if failure]


def _carry_out(session: Cli, order: Order) -> str | None:
    before = _read(session, order.port)
    said = session.send_inputs(
        inputs=ios.lines(order.port, order.want, before or order.want), requested_mode=_CONFIGURATION
    )
    return judged(order, ios.is_refused(said.result), _read(session, order.port))


def _read(session: Cli, port: str) -> ios.Port | None:
    return ios.parse_port(session.send_input(input_=ios.read_command(port)).result)
