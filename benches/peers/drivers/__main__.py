"""One library's process: does the work, and says what it cost as a line of JSON.

Usage: python -m drivers LIBRARY FLEET JOBS
"""

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path

from drivers import orders


class _Cost:
    """Since the one before."""

    def __init__(self) -> None:
        self._cpu_s, self._at = self._cpu(), time.monotonic()

    def taken(self) -> tuple[float, float]:
        cpu_s, at = self._cpu(), time.monotonic()
        spent = cpu_s - self._cpu_s, at - self._at
        self._cpu_s, self._at = cpu_s, at
        return spent

    @staticmethod
    def _cpu() -> float:
        times = os.times()
        return times.user + times.system


def main(library: str, fleet: str, jobs: str) -> None:
    work = orders.of_fleet(Path(fleet), int(jobs))
    driver = import_module(f"drivers.{library}")
    cost, opening = _Cost(), []
    failures = driver.run(work, lambda: opening.append(cost.taken()))
    cpu_s, took_s = cost.taken()
    count = len(work.switches) * len(work.orders)
    print(
        json.dumps(
            {
                "library": library,
                "jobs": count,
                "failures": failures[:5],
                "failed": len(failures),
                "cpu_ms_per_job": round(1000 * cpu_s / count, 3),
                "cpu_ms_per_open": round(1000 * opening[0][0] / len(work.switches), 3),
                "cpu_ms_per_job_with_open": round(1000 * (cpu_s + opening[0][0]) / count, 3),
                "jobs_per_s": round(count / took_s, 1),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
