"""Where a node's agent is and who we are to it: the operator's settings as one checked value.

TLS is the rule; plain text reaches loopback only, as the agents themselves have it. Files are read at each call, so
renewed certificates need no restart: calls are rare, and a connection for each keeps nothing stale.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gcm_sentinel.domain.errors import BadConfiguration, Rejected

if TYPE_CHECKING:
    import grpc

IpOf = Callable[[str], Awaitable[str]]
"""The address of a node by its name; raises `SentinelError` where it has none."""

_NODE_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_PLACE = re.compile(r"\{(\w+)\}")
_KNOWN = frozenset({"node", "node_ip"})
_MOST_RECEIVED_BYTES = 4 << 20
_LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\]):\d+")


async def no_ip(node: str) -> str:
    """Where nobody can tell addresses."""
    raise BadConfiguration(f"the address of node {node!r} is wanted by {{node_ip}}, and nobody here knows addresses")


@dataclass(frozen=True, slots=True)
class NodeAccess:
    """How agents on nodes are reached."""

    address: str
    """host:port with ``{node}`` or ``{node_ip}`` in it, e.g. ``{node_ip}:9102``."""
    ca_cert: Path | None = None
    """Authority of the agents' certificates, PEM; None is plain text."""
    client_cert: Path | None = None
    client_key: Path | None = None
    server_name: str = ""
    """The name in the agents' certificates where it is not the host's: one certificate may serve all nodes."""
    token: str = field(default="", repr=False)
    ip_of: IpOf = no_ip

    def check(self) -> None:
        """Refuse what could not work, without connecting.

        Raises:
            BadConfiguration: the template, or a file.
        """
        places = set(_PLACE.findall(self.address))
        if not places & _KNOWN or places - _KNOWN:
            raise BadConfiguration(
                f"the address of node agents {self.address!r} must hold {{node}} or {{node_ip}}, and nothing else in"
                " braces: one address for all nodes would ask the wrong machine"
            )
        if bool(self.client_cert) != bool(self.client_key):
            raise BadConfiguration("the client certificate for node agents and its key are needed together")
        if self.client_cert and not self.ca_cert:
            raise BadConfiguration("a client certificate for node agents needs their authority (ca_cert) as well")
        self._credentials()

    async def address_of(self, node: str) -> str:
        """host:port of the agent on a node.

        Raises:
            Rejected: that is no name a node can have.
            SentinelError: its address is not known.
        """
        if not _NODE_NAME.fullmatch(node):
            raise Rejected(f"{node!r:.100} is no name of a node")
        address = self.address.replace("{node}", node)
        if "{node_ip}" in address:
            ip = await self.ip_of(node)
            address = address.replace("{node_ip}", f"[{ip}]" if ":" in ip else ip)
        return address

    def channel(self, address: str) -> grpc.aio.Channel:
        """A connection that is opened by its first call.

        Raises:
            BadConfiguration: a file cannot be read, or plain text would leave this machine.
        """
        import grpc

        options: list[tuple[str, int | str]] = [
            ("grpc.max_receive_message_length", _MOST_RECEIVED_BYTES),
            ("grpc.enable_http_proxy", 0),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        credentials = self._credentials()
        if credentials is None:
            if not _LOOPBACK.fullmatch(address):
                raise BadConfiguration(
                    f"{address!r} is not this machine: node agents are spoken to over TLS; set ca_cert"
                )
            return grpc.aio.insecure_channel(address, options)
        if self.server_name:
            options.append(("grpc.ssl_target_name_override", self.server_name))
        return grpc.aio.secure_channel(address, credentials, options)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Sent with every call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    def _credentials(self) -> grpc.ChannelCredentials | None:
        import grpc

        if self.ca_cert is None:
            return None
        roots, certificate, key = map(_read, (self.ca_cert, self.client_cert, self.client_key))
        return grpc.ssl_channel_credentials(roots, key, certificate)


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadConfiguration(f"the file {str(path)!r} for node agents cannot be read: {error.strerror}") from error
