"""What a job costs Netmiko, scrapli and AsyncSSH by themselves, on simulated switches without latency.

Usage: sessions [--switches N] [--jobs N] [--rounds N]
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from checks.processes import simulated_switches
from drivers import orders
from drivers.orders import Work
from service.session import Session

LIBRARIES = ["netmiko_threads", "scrapli_threads", "asyncssh_tasks"]
_PASSWORD = {"SIMULATED_PASSWORD": "admin"}
_LONGEST_S = 600

Measured = dict[str, Any]


def measure(library: str, switches: int, jobs: int) -> Measured:
    """One library on a fleet of its own; every port is then read by somebody else."""
    with tempfile.TemporaryDirectory(prefix="peers-sessions-") as folder:
        sizes = ["--switches", str(switches), "--ports", str(jobs), "--latency-ms", "0", "--save-ms", "0"]
        with simulated_switches(Path(folder), *sizes) as fleet:
            command = [sys.executable, "-P", "-m", "drivers", library, str(fleet), str(jobs)]
            done = subprocess.run(
                command, check=True, capture_output=True, timeout=_LONGEST_S, env={**os.environ, **_PASSWORD}
            )
            measured: Measured = json.loads(done.stdout)
            measured["wrong_ports"] = asyncio.run(_wrong_ports(orders.of_fleet(fleet, jobs)))
            return measured


async def _wrong_ports(work: Work) -> int:
    wrong = 0
    for switch in work.switches:
        session = await Session.open(switch)
        seen = await session.read([order.port for order in work.orders])
        wrong += sum(port != order.want for port, order in zip(seen, work.orders, strict=True))
        session.close()
    return wrong


def compare(switches: int, jobs: int, rounds: int) -> list[Measured]:
    """Medians; the libraries take turns, so that what else goes on meets all of them."""
    turns = [measure(library, switches, jobs) for _ in range(rounds) for library in LIBRARIES]
    return [_median([turn for turn in turns if turn["library"] == library]) for library in LIBRARIES]


def _median(turns: list[Measured]) -> Measured:
    middle = {
        key: round(median(turn[key] for turn in turns), 3)
        for key in ("cpu_ms_per_job", "cpu_ms_per_open", "cpu_ms_per_job_with_open", "jobs_per_s")
    }
    failures = {key: sum(turn[key] for turn in turns) for key in ("failed", "wrong_ports")}
    return {"library": turns[0]["library"], "jobs": turns[0]["jobs"], "rounds": len(turns), **middle, **failures}


def main() -> int:
    parser = argparse.ArgumentParser(prog="sessions", description=__doc__.splitlines()[0])
    parser.add_argument("--switches", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=24, help="of each switch, one after another")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    os.environ.update(_PASSWORD)
    results = compare(given.switches, given.jobs, given.rounds)
    print(json.dumps(results, indent=2))
    return 1 if any(result["failed"] or result["wrong_ports"] for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
