"""Switchyard beside what an operator would otherwise build, in one run on one machine: the same load and switches.

Usage: comparison [--rounds N] [--switches N] [--jobs N] [--clients N] [--visit-ports N] [--json FILE]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import sessions
from checks.processes import switchyard

_SERVE = Path(__file__).parent / "serve"
_LONGEST_S = 1800
_LIBRARY_SWITCHES = 40

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Load:
    switches: int
    jobs: int
    clients: int
    visit_ports: int


class Unbelievable(Exception):
    """A run in which not everything held: its figures count for nothing."""


def measure(load: Load, program: Path | None) -> Figures:
    """One service under the load; without a program it is Switchyard."""
    with tempfile.TemporaryDirectory(prefix="peers-comparison-") as folder:
        file = Path(folder) / "run.json"
        command = [switchyard(), "bench", "switches", "--personality", "ios", "--latency-ms", "0", "--save-ms", "0"]
        command += ["--store", "redis", "--switches", str(load.switches), "--jobs", str(load.jobs)]
        command += ["--arrival", f"closed:{load.clients}", "--json", str(file)]
        command += ["--service", str(program)] if program else ["--visit-ports", str(load.visit_ports)]
        told = {"PEER_VISIT_PORTS": str(load.visit_ports), "PEER_CHECKOUTS_PER_MINUTE": "1000000000"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_S, env={**os.environ, **told})
        if done.returncode:
            raise Unbelievable(f"{program or 'switchyard'}: {done.stdout}{done.stderr}")
        return _figures(json.loads(file.read_text())["runs"][0])


def _figures(run: dict[str, Any]) -> Figures:
    cpu, all_cpus_ms = run["cpu"], run["cpu"]["window_ms"] * run["cpu"]["cpus"]
    shares = {f"{who}_cpu_share": cpu[f"{who}_ms"] / all_cpus_ms for who in ("service", "redis", "load", "simulator")}
    return {
        "cpu_ms_per_job": cpu["service_ms_per_job"],
        "live_ports_per_s": run["rates"]["live_ports_per_s"],
        "accepted_per_s": run["rates"]["accepted_per_s"],
        "redis_cpu_ms_per_job": cpu["redis_ms"] / run["counts"]["completed"],
        **shares,
    }


def _medians(rounds: list[Figures]) -> Figures:
    return {name: median(one[name] for one in rounds) for name in rounds[0]}


def compare(load: Load, rounds: int) -> dict[str, Any]:
    programs = {"switchyard": None, "python": _SERVE}
    found: dict[str, list[Figures]] = {name: [] for name in programs}
    for number in range(rounds):
        for name, program in programs.items():
            found[name].append(measure(load, program))
            _say(f"round {number + 1} of {rounds}, {name}: {found[name][-1]['cpu_ms_per_job']:.3f} ms CPU a job")
    ours, theirs = (_medians(found[name]) for name in programs)
    libraries = sessions.compare(_LIBRARY_SWITCHES, load.jobs, rounds)
    return {
        "load": {field: getattr(load, field) for field in Load.__slots__},
        "rounds": found,
        "medians": {"switchyard": ours, "python": theirs},
        "ratios": {
            name: ours[name] / theirs[name] for name in ("cpu_ms_per_job", "live_ports_per_s", "accepted_per_s")
        },
        "libraries": [
            {**one, "switchyard_cpu_ratio": ours["cpu_ms_per_job"] / one["cpu_ms_per_job_with_open"]}
            for one in libraries
        ],
    }


def _table(result: dict[str, Any]) -> str:
    ours, theirs = result["medians"]["switchyard"], result["medians"]["python"]
    lines = [f"{'':<24} {'switchyard':>11} {'python':>11} {'ratio':>8}"]
    for name in ("cpu_ms_per_job", "live_ports_per_s", "accepted_per_s"):
        lines.append(f"{name:<24} {ours[name]:>11.3f} {theirs[name]:>11.3f} {result['ratios'][name]:>8.3f}")
    lines.append(
        f"{'redis_cpu_ms_per_job':<24} {ours['redis_cpu_ms_per_job']:>11.3f} {theirs['redis_cpu_ms_per_job']:>11.3f}"
    )
    for who in ("service", "redis", "load", "simulator"):
        share = f"{who}_cpu_share"
        lines.append(f"{share:<24} {ours[share]:>11.1%} {theirs[share]:>11.1%}")
    lines += ["", f"{'without HTTP or store':<24} {'cpu_ms_per_job':>15} {'jobs_per_s':>11} {'switchyard/it':>14}"]
    for one in result["libraries"]:
        cost, rate, ratio = one["cpu_ms_per_job_with_open"], one["jobs_per_s"], one["switchyard_cpu_ratio"]
        lines.append(f"{one['library']:<24} {cost:>15.3f} {rate:>11.1f} {ratio:>14.3f}")
    return "\n".join(lines)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="comparison")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--switches", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=24, help="of each switch")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--visit-ports", type=int, default=32, help="of both services, at most")
    parser.add_argument("--json", type=Path, help="where all figures go, of each round too")
    given = parser.parse_args()
    os.environ["SIMULATED_PASSWORD"] = "admin"
    load = Load(given.switches, given.jobs, given.clients, given.visit_ports)
    try:
        result = compare(load, given.rounds)
    except Unbelievable as error:
        _say(str(error))
        return 1
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")
    print(_table(result))
    return 1 if any(one["failed"] or one["wrong_ports"] for one in result["libraries"]) else 0


if __name__ == "__main__":
    sys.exit(main())
