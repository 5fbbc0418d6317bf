"""AsyncSSH on uvloop, a task a switch: the session of the Python service, without the service."""

import asyncio
from collections.abc import Callable

import uvloop

from drivers.orders import Order, Work, judged
from service import ios
from service.inventory import Switch
from service.session import Refused, Session

_OPENING_AT_ONCE = 32


def run(work: Work, opened: Callable[[], None]) -> list[str]:
    return uvloop.run(_run(work, opened))


async def _run(work: Work, opened: Callable[[], None]) -> list[str]:
    opening = asyncio.Semaphore(_OPENING_AT_ONCE)
    sessions = await asyncio.gather(*(_open(switch, opening) for switch in work.switches))
    opened()
    found = await asyncio.gather(*(_serve(session, work.orders) for session in sessions))
    for session in sessions:
        session.close()
    return [failure for failures in found for failure in failures]


async def _open(switch: Switch, opening: asyncio.Semaphore) -> Session:
    async with opening:
        return await Session.open(switch)


async def _serve(session: Session, orders: list[Order]) -> list[str]:
    failures = [await _carry_out(session, order) for order in orders]
    return [failure for failure in failures if failure]


async def _carry_out(session: Session, order: Order) -> str | None:
    (before,) = await session.read([order.port])
    refused = False
    await session.enter()
    try:
        await session.tell(ios.lines(order.port, order.want, before or order.want))
    except Refused:
        refused = True
    await session.leave()
    (after,) = await session.read([order.port])
    return judged(order, refused, after)
