"""A session with a switch: opened, asked, told, saved, closed. What is wanted of a port is decided by the visit."""

from dataclasses import dataclass

import asyncssh

from service import ios
from service.dialog import Dialog, SessionLost
from service.inventory import Switch

_CONNECT_S = 20.0
_SAVE_S = 60.0
_KEEPALIVE_S = 20.0


class Refused(Exception):
    """The switch said no to a line; the session stands, outside of the configuration mode."""


@dataclass(slots=True)
class Session:
    _connection: asyncssh.SSHClientConnection
    _dialog: Dialog

    @classmethod
    async def open(cls, switch: Switch) -> "Session":
        try:
            connection = await asyncssh.connect(
                switch.host,
                switch.ssh_port,
                username=switch.username,
                password=switch.password,
                known_hosts=(
                    [asyncssh.import_public_key(switch.host_key)] if switch.host_key else [],
                    [],
                    [],
                ),
                # Nothing of the user's own, and one way to log in, without trying others first.
                config=None,
                client_keys=None,
                agent_path=None,
                gss_host=None,
                x509_trusted_certs=None,
                preferred_auth="password",
                # In hardware on every server, and the cheapest of those that all sides have.
                encryption_algs=["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr"],
                compression_algs=None,
                connect_timeout=_CONNECT_S,
                login_timeout=_CONNECT_S,
                keepalive_interval=_KEEPALIVE_S,
            )
        except (OSError, asyncssh.Error) as error:
            raise SessionLost(f"no session: {type(error).__name__}") from error
        try:
            _, dialog = await connection.create_session(Dialog, encoding=None, term_type="vt100")
            await dialog.begin(switch.name)
            await dialog.send(ios.OPENING)
        except (SessionLost, asyncssh.Error, OSError) as error:
            connection.abort()
            raise SessionLost(str(error)) from error
        return cls(connection, dialog)

    async def read(self, ports: list[str]) -> list[ios.Port | None]:
        answers = await self._dialog.send([ios.read_command(port) for port in ports])
        try:
            return [ios.parse_port(answer.text) for answer in answers]
        except ios.Unreadable as error:
            raise SessionLost(f"not a port: {error}") from error

    async def enter(self) -> None:
        await self._configure([ios.ENTER])

    async def leave(self) -> None:
        await self._dialog.send([ios.LEAVE])

    async def tell(self, lines: list[str]) -> None:
        """Raises `Refused` at the first line that the switch doesn't take; what is behind it is not sent."""
        for block in ios.blocks(lines):
            await self._configure(block)

    async def save(self) -> bool:
        (answer,) = await self._dialog.send([ios.SAVE], _SAVE_S)
        return ios.SAVED in answer.text

    def close(self) -> None:
        self._connection.close()

    async def _configure(self, block: list[str]) -> None:
        for line, answer in zip(block, await self._dialog.send(block), strict=True):
            if ios.is_refused(answer.text):
                raise Refused(f"the switch refused {line!r}")
            if not answer.in_configuration:
                raise SessionLost(f"outside of the configuration mode after {line!r}")
