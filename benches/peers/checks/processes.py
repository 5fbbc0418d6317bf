"""Processes that a run starts and ends: Redis, the simulated switches, the service."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

_ROOT = Path(__file__).parents[3]
_READY_S = 60.0
_END_S = 30.0
_LOOK_S = 0.05


def switchyard() -> str:
    return os.environ.get("SWITCHYARD_BIN", str(_ROOT / "target/release/switchyard"))


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@contextmanager
def running(command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """In a process group of its own, which is ended, and waited for, at the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def redis_server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Which syncs before it answers, as a service that answers for its orders demands."""
    port = free_port()
    settings = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), *settings]
    with running(command, folder / "redis.log") as process:
        _wait(process, folder / "redis.log", lambda: _connects(port))
        yield f"redis://127.0.0.1:{port}", process


@contextmanager
def simulated_switches(folder: Path, *options: str) -> Iterator[Path]:
    """Gives their part of an inventory."""
    part, log = folder / "switches.toml", folder / "switches.log"
    command = [switchyard(), "simulate", "--personality", "ios", "--port", "0", "--inventory-out", str(part), *options]
    with running(command, log) as process:
        # It says so after the file is written.
        _wait(process, log, lambda: b"login admin" in log.read_bytes())
        yield part


@contextmanager
def service(program: Path, folder: Path, inventory: Path, redis_url: str, **environment: str) -> Iterator[str]:
    """Gives its address, once it is ready."""
    address = f"127.0.0.1:{free_port()}"
    log = folder / "service.log"
    command = [str(program), "--listen", address, "--inventory", str(inventory), "--redis", redis_url]
    with running(command, log, SIMULATED_PASSWORD="admin", **environment) as process:
        _wait(process, log, lambda: _is_ready(address))
        yield address


def _wait(process: subprocess.Popen[bytes], log: Path, is_there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _READY_S
    while not is_there():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} did not come up:\n{log.read_text()}")
        time.sleep(_LOOK_S)


def _connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
