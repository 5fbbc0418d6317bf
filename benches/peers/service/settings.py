"""What the command line and the environment say."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    host: str
    port: int
    inventory: Path
    redis_url: str
    workers: int
    checkouts_per_minute: int
    visit_ports: int
    idle_s: float


def from_arguments(arguments: list[str] | None = None) -> Settings:
    """Environment variables are for what a caller that only knows the interface can't say."""
    parser = argparse.ArgumentParser(prog="serve", description="The Python service for the comparison.")
    parser.add_argument("--listen", required=True, metavar="ADDRESS:PORT")
    parser.add_argument("--inventory", required=True, type=Path, metavar="FILE")
    parser.add_argument("--redis", required=True, metavar="URL")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="of each kind")
    given = parser.parse_args(arguments)
    host, _, port = given.listen.rpartition(":")
    return Settings(
        host=host,
        port=int(port),
        inventory=given.inventory,
        redis_url=given.redis,
        workers=given.workers,
        checkouts_per_minute=int(os.environ.get("PEER_CHECKOUTS_PER_MINUTE", "120")),
        visit_ports=int(os.environ.get("PEER_VISIT_PORTS", "32")),
        idle_s=int(os.environ.get("PEER_IDLE_MS", "60000")) / 1000,
    )
