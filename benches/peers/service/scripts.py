"""Scripts called in pipelines: what is called while one round trip is under way goes together in the next.

A call is never repeated here after its answer was lost: whether it was carried out isn't known, and callers have their
own way to find out.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoScriptError, RedisError

_FOLDER = Path(__file__).parent / "lua"
_LONGEST_PIPELINE = 512
_ANSWER_S = 2.0


class Script:
    def __init__(self, name: str) -> None:
        self.text = (_FOLDER / f"{name}.lua").read_text()
        self.sha = hashlib.sha1(self.text.encode()).hexdigest()


@dataclass(slots=True)
class _Call:
    script: Script
    keys: Sequence[str]
    arguments: Sequence[Any]
    answer: asyncio.Future[Any]


def connect(url: str) -> Redis:
    """A client that gives up soon and repeats nothing by itself."""
    return Redis.from_url(
        url,
        socket_timeout=_ANSWER_S,
        socket_connect_timeout=_ANSWER_S,
        retry=Retry(NoBackoff(), 0),
    )


class Scripts:
    """Belongs to one event loop."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[_Call] = []
        self._sender: asyncio.Task[None] | None = None

    async def call(self, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(_Call(script, keys, arguments, answer))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_waiting())
        return await answer

    async def _send_waiting(self) -> None:
        while self._waiting:
            calls, self._waiting = self._waiting[:_LONGEST_PIPELINE], self._waiting[_LONGEST_PIPELINE:]
            try:
                answers = await self._send(calls)
            except (RedisError, OSError) as error:
                answers = [error if isinstance(error, RedisError) else Disconnected(str(error))] * len(calls)
            for call, answer in zip(calls, answers, strict=True):
                _resolve(call.answer, answer)
        self._sender = None

    async def _send(self, calls: list[_Call]) -> list[Any]:
        answers = await self._send_once(calls)
        unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            for text in {calls[place].script.text for place in unknown}:
                await self._redis.script_load(text)
            again = await self._send_once([calls[place] for place in unknown])
            for place, answer in zip(unknown, again, strict=True):
                answers[place] = answer
        return answers

    async def _send_once(self, calls: list[_Call]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for call in calls:
                pipeline.evalsha(call.script.sha, len(call.keys), *call.keys, *call.arguments)
            return await pipeline.execute(raise_on_error=False)


def _resolve(future: asyncio.Future[Any], answer: Any) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
