"""Starts the processes, all in one process group, and ends them; one that ends by itself is started again."""

import gc
import multiprocessing
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from types import FrameType
from typing import NoReturn

import uvicorn

from service import inventory, settings, web, worker
from service.inventory import Inventory
from service.settings import Settings

_FORK = multiprocessing.get_context("fork")
_RESTART_PAUSE_S = 1.0
_BACKLOG = 2048
_END_S = 10.0


def _serve_web(of: Settings, known: Inventory) -> None:
    """A socket of its own on the shared address: the kernel spreads the connections."""
    listener = socket.socket(socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((of.host, of.port))
    config = uvicorn.Config(
        web.application(of, known),
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=75,
    )
    uvicorn.Server(config).run(sockets=[listener])


class _Told(Exception):
    """By a signal, to stop."""


def main() -> int:
    of = settings.from_arguments()
    known = inventory.load(of.inventory)
    # What is loaded by now is shared by all processes, and never looked at by the collector again.
    gc.collect()
    gc.freeze()
    duties: list[Callable[[], None]] = [partial(_serve_web, of, known)] * of.workers
    duties += [partial(worker.run, of, known, number) for number in range(of.workers)]
    processes = [_started(duty) for duty in duties]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        _keep_running(processes, duties)
    except _Told:
        _end(processes)
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise _Told


def _started(duty: Callable[[], None]) -> ForkProcess:
    process = _FORK.Process(target=duty)
    process.start()
    return process


def _keep_running(processes: list[ForkProcess], duties: list[Callable[[], None]]) -> NoReturn:
    while True:
        wait([process.sentinel for process in processes])
        time.sleep(_RESTART_PAUSE_S)
        for place, process in enumerate(processes):
            if not process.is_alive():
                print(f"a process ended with {process.exitcode}, and is started again", file=sys.stderr)
                processes[place] = _started(duties[place])


def _end(processes: list[ForkProcess]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + _END_S
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        process.kill()


if __name__ == "__main__":
    sys.exit(main())
