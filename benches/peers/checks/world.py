"""One service with everything around it, and what a row may do there."""

import asyncio
import itertools
import json
import subprocess
import tomllib
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncssh

from checks import network, processes
from checks.receiver import Receiver

_CHECKOUT = "/api/v1/partner/external-checkout/anonymous-complete"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def detail(self) -> Any:
        return self.body["detail"]

    @property
    def is_replayed(self) -> bool:
        return self.headers.get("idempotency-replayed") == "true"


class World:
    def __init__(self, address: str, inventory: Path, receiver: Receiver, redis: subprocess.Popen[bytes]) -> None:
        self.receiver = receiver
        self.redis = redis
        self._address = address
        self._switches = tomllib.loads(inventory.read_text())["switch"]
        self._locations = (f"{n:010x}" for n in range((network.SWITCHES - 1) * network.PORTS))
        self._clients = itertools.count(1)

    def location(self) -> str:
        """A place that no other row uses."""
        return next(self._locations)

    def locations_of_the_last_switch(self) -> list[str]:
        """All of them; no other row has one there."""
        first = (network.SWITCHES - 1) * network.PORTS
        return [f"{n:010x}" for n in range(first, first + network.PORTS)]

    @asynccontextmanager
    async def client(self) -> AsyncIterator["Client"]:
        """With an IP address of its own, which the service counts by itself."""
        number = next(self._clients)
        connector = aiohttp.TCPConnector(local_addr=(f"127.99.{number // 250}.{number % 250 + 1}", 0), limit=0)
        async with aiohttp.ClientSession(f"http://{self._address}", connector=connector) as session:
            yield Client(session)

    async def running_port(self, location: str) -> list[str]:
        """The port's lines, as the switch itself shows them."""
        number = int(location, 16)
        switch = self._switches[number // network.PORTS]
        port = f"GigabitEthernet1/0/{number % network.PORTS + 1}"
        async with (
            asyncssh.connect(
                switch["host"], switch["ssh_port"], username="admin", password="admin", known_hosts=None, config=None
            ) as connection,
            connection.create_process(term_type="vt100") as shell,
        ):
            shell.stdin.write(f"show running-config interface {port}\nexit\n")
            shown = await asyncio.wait_for(shell.stdout.readuntil("\nend"), 10)
        return [line.strip() for line in shown.splitlines()]


class Client:
    """A partner's."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def checkout(self, body: dict[str, Any], secret: str | None = network.PARTNER.secret) -> Answer:
        return await self.post(json.dumps(body).encode(), secret)

    async def post(self, body: bytes, secret: str | None = network.PARTNER.secret) -> Answer:
        headers = {"Content-Type": "application/json"}
        if secret is not None:
            headers["X-Webhook-Secret"] = secret
        async with self._session.post(_CHECKOUT, data=body, headers=headers) as answer:
            return await _read(answer)

    async def get(self, path: str) -> Answer:
        async with self._session.get(path) as answer:
            return await _read(answer)


async def _read(answer: aiohttp.ClientResponse) -> Answer:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Answer(answer.status, headers, await answer.read())


def direct(order: str, location: str, **changes: Any) -> dict[str, Any]:
    return {
        "service_provider_document_id": network.PARTNER.id,
        "plan_version_id": network.PLAN,
        "location_hash": location,
        "external_subscription_id": order,
        **changes,
    }


def home_drop(order: str, **changes: Any) -> dict[str, Any]:
    return {
        "service_provider_document_id": network.PARTNER.id,
        "plan_version_id": network.PLAN,
        "delivery_mode": "home_drop",
        "unit_id": network.UNIT,
        "external_subscription_id": order,
        **changes,
    }


@asynccontextmanager
async def world(program: Path, folder: Path) -> AsyncIterator[World]:
    receiver = Receiver()
    webhook_url = await receiver.start()
    inventory = folder / "inventory.toml"
    sizes = [
        "--switches",
        str(network.SWITCHES),
        "--ports",
        str(network.PORTS),
        "--latency-ms",
        "20",
        "--save-ms",
        "100",
    ]
    try:
        with ExitStack() as around:
            switches = around.enter_context(processes.simulated_switches(folder, *sizes))
            network.write_inventory(inventory, switches, webhook_url)
            redis_url, redis = around.enter_context(processes.redis_server(folder))
            address = around.enter_context(processes.service(program, folder, inventory, redis_url))
            yield World(address, inventory, receiver, redis)
    finally:
        await receiver.stop()
