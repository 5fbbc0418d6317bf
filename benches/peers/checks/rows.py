"""The rows: each a sentence of the contract, and a check that raises where it doesn't hold."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from checks.world import Client, World

Check = Callable[[World, Client], Awaitable[None]]

_LONGEST_S = 120.0


@dataclass(frozen=True, slots=True)
class Row:
    section: str
    claim: str
    check: Check
    alone: bool


ROWS: list[Row] = []


def row(section: str, claim: str, alone: bool = False) -> Callable[[Check], Check]:
    """`alone`: it disturbs all others, and is checked after them."""

    def add(check: Check) -> Check:
        ROWS.append(Row(section, claim, check, alone))
        return check

    return add


async def check_all(world: World) -> dict[str, str | None]:
    """By claim, what was seen instead; nothing where it holds."""
    together = [one for one in ROWS if not one.alone]
    results = dict(await asyncio.gather(*(_checked(one, world) for one in together)))
    for one in ROWS:
        if one.alone:
            results.update([await _checked(one, world)])
    return {one.claim: results[one.claim] for one in ROWS}


async def _checked(one: Row, world: World) -> tuple[str, str | None]:
    try:
        async with asyncio.timeout(_LONGEST_S), world.client() as client:
            await one.check(world, client)
    except Exception as error:
        # Whatever it is, it is what was seen instead; the other rows go on.
        where = traceback.extract_tb(error.__traceback__)[-1]
        return one.claim, f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno}: {where.line})"
    return one.claim, None
