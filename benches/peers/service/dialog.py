"""A shell: lines are sent, many at once where nothing speaks against it, and each one's answer ends at a prompt."""

import asyncio
import re
from dataclasses import dataclass

import asyncssh

COMMAND_S = 15.0


class SessionLost(Exception):
    """The connection or the dialog broke: what became of the last lines isn't known."""


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    in_configuration: bool


class Dialog(asyncssh.SSHClientSession[bytes]):
    """Belongs to one channel; one exchange at a time."""

    def __init__(self) -> None:
        self._channel: asyncssh.SSHClientChannel[bytes]
        self._prompt = re.compile(rb"^[\w+\-.:/]+(\([^)\r\n]+\))?[>#]", re.MULTILINE)
        self._seen = bytearray()
        self._awaited = 0
        self._done: asyncio.Future[None] | None = None
        self._lost: SessionLost | None = None

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = SessionLost(str(exc or "the switch closed the session"))
        if self._done and not self._done.done():
            self._done.set_exception(self._lost)

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self._seen += data
        # The cheap test first: answers come in many pieces, and only the last of them ends in a prompt.
        if self._done and not self._done.done() and self._seen[-1] in b"#>" and self._is_whole():
            self._done.set_result(None)

    async def begin(self, name: str) -> None:
        """Waits for the first prompt; from then on it must be the prompt of a device of this name."""
        await self._wait(1, COMMAND_S)
        if not self._seen.rstrip(b"#> \r\n").endswith(name.encode()):
            raise SessionLost(f"another device answers: {bytes(self._seen[-80:])!r}")
        self._prompt = re.compile(rb"^" + re.escape(name.encode()) + rb"(\([^)\r\n]+\))?[>#]", re.MULTILINE)

    async def send(self, lines: list[str], limit_s: float | None = None) -> list[Answer]:
        if self._lost:
            raise self._lost
        self._seen.clear()
        self._channel.write("".join(f"{line}\n" for line in lines).encode())
        await self._wait(len(lines), limit_s or COMMAND_S * len(lines))
        return self._answers()

    async def _wait(self, prompts: int, limit_s: float) -> None:
        self._awaited = prompts
        self._done = asyncio.get_running_loop().create_future()
        if self._seen and self._is_whole():
            return
        try:
            async with asyncio.timeout(limit_s):
                await self._done
        except TimeoutError:
            raise SessionLost(f"no prompt within {limit_s} s: {bytes(self._seen[-80:])!r}") from None

    def _is_whole(self) -> bool:
        ends = [prompt.end() for prompt in self._prompt.finditer(self._seen)]
        return len(ends) >= self._awaited and ends[-1] == len(self._seen)

    def _answers(self) -> list[Answer]:
        answers, begin = [], 0
        for prompt in self._prompt.finditer(self._seen):
            text = self._seen[begin : prompt.start()].decode(errors="replace").replace("\r\n", "\n")
            answers.append(Answer(text.partition("\n")[2], prompt[1] is not None))
            begin = prompt.end()
        return answers
