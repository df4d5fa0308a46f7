"""A mail relay on loopback that speaks enough of SMTP, with STARTTLS, and answers as each test tells it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from tests.sentinel_gateway.certificates import Authority


@dataclass
class Relay:
    """Takes mails; `replies` holds answers to commands in place of the usual ones."""

    tls: ssl.SSLContext | None = None
    replies: dict[str, str] = field(default_factory=dict)
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    hangs_at: str = ""
    """A command that is never answered."""
    encrypted: bool = False
    """Whether the last mail came through TLS."""
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Relay]:
        """Listen on a free port until the block ends."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self._over.set()
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._say(writer, "220 relay")
            while line := await reader.readline():
                if not await self._obey(line.decode().rstrip(), reader, writer):
                    return
        except (ConnectionError, ssl.SSLError):
            return
        finally:
            writer.close()

    async def _obey(self, line: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        verb = line.split(" ")[0].upper()
        if verb == self.hangs_at:
            await self._over.wait()
            return False
        if reply := self.replies.get(verb):
            await self._say(writer, reply)
        elif verb == "EHLO":
            await self._say(writer, "250-relay\r\n250-AUTH PLAIN" + ("\r\n250 STARTTLS" if self.tls else "\r\n250 OK"))
        elif verb == "STARTTLS" and self.tls:
            await self._say(writer, "220 go on")
            await writer.start_tls(self.tls)
        elif verb == "AUTH":
            self.logins.append(line)
            await self._say(writer, "235 welcome")
        elif verb == "DATA":
            await self._say(writer, "354 go on")
            await self._take(await reader.readuntil(b"\r\n.\r\n"), writer)
        else:
            self.recipients += [line] if verb == "RCPT" else []
            await self._say(writer, "221 bye" if verb == "QUIT" else "250 ok")
        return verb != "QUIT"

    async def _take(self, content: bytes, writer: asyncio.StreamWriter) -> None:
        if "CONTENT" not in self.replies:
            self.mails.append(message_from_bytes(content[:-5], policy=policy.default))
            self.encrypted = writer.get_extra_info("ssl_object") is not None
        await self._say(writer, self.replies.get("CONTENT", "250 taken"))

    async def _say(self, writer: asyncio.StreamWriter, words: str) -> None:
        writer.write(f"{words}\r\n".encode())
        await writer.drain()


def tls_in(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS, and the file with the authority that vouches for it."""
    authority = Authority()
    certificate, key = authority.server().write(folder, "relay")
    (folder / "ca.pem").write_bytes(authority.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, folder / "ca.pem"
