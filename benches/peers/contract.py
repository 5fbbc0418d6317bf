"""Asks services whether they keep the contract, and prints a table of rows and services.

Usage: contract [NAME=PROGRAM ...]; without services the Python one and Switchyard.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

# Imported for the rows that they add, in the contract's order.
from checks import answers, repeats, told  # noqa: F401
from checks.rows import ROWS, check_all
from checks.world import world

_HERE = Path(__file__).parent
_BOTH = {"python": _HERE / "serve", "switchyard": _HERE / "serve-switchyard"}

Results = dict[str, str | None]


async def _check(program: Path) -> Results:
    with tempfile.TemporaryDirectory(prefix="peers-contract-") as folder:
        async with world(program, Path(folder)) as around:
            return await check_all(around)


def _table(results: dict[str, Results]) -> str:
    widths = [max(len(name), 4) for name in results]
    longest = max(len(one.claim) for one in ROWS)
    lines = [_line("", "", list(results), widths, longest)]
    for one in ROWS:
        marks = ["ok" if seen[one.claim] is None else "FAIL" for seen in results.values()]
        lines.append(_line(one.section, one.claim, marks, widths, longest))
    return "\n".join(lines)


def _line(section: str, claim: str, cells: list[str], widths: list[int], longest: int) -> str:
    marks = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"{section:<11} {claim:<{longest}}  {marks}".rstrip()


def main(arguments: list[str]) -> int:
    services = dict(one.split("=", 1) for one in arguments) or _BOTH
    results = {name: asyncio.run(_check(Path(program).resolve())) for name, program in services.items()}
    print(_table(results))
    failures = [(name, claim, seen) for name, rows in results.items() for claim, seen in rows.items() if seen]
    for name, claim, seen in failures:
        print(f"\n{name}: {claim}\n  {seen}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
