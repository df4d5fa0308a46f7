"""Who may do what. Four roles for people, as the reference's documents name them, and three for machines.

The three are ours. `agent`: a probe agent or monitor must be able to report, and a stolen agent certificate must not be
able to condemn a GPU, so reporting is a role of its own that gives nothing else. `investigator`: whoever investigates
reads everything and records its verdict, and must not change anything. `responder`: an investigator that also acts. It
may take a GPU out of use, test and give back what it took, and ask a person to condemn it; what others decided or asked
it cannot undo, nor what the gateway judged. Roles do not include each other, except that `admin` may do everything a
person may.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller may be."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    AUDITOR = "auditor"
    AGENT = "agent"
    INVESTIGATOR = "investigator"
    RESPONDER = "responder"


class Permission(StrEnum):
    """What a method needs; every method needs exactly one. What a directive asks for may need `OVERRULE` as well."""

    REPORT = "report"
    """Send probe results, anomalies, telemetry, TMR results; receive configuration."""
    READ = "read"
    """Health, fleet, history, trust graph, directives."""
    DIRECT = "direct"
    """Issue directives, take back one's own."""
    OVERRULE = "overrule"
    """Judge: reinstate as healthy, test what somebody else took out of use, condemn where nobody is to be asked."""
    DECIDE = "decide"
    """Approve or deny directives that wait."""
    CONFIGURE = "configure"
    """Push configuration."""
    AUDIT = "audit"
    """Read and verify the ledger, prove entries, make reports."""
    RECORD = "record"
    """Append entries to the ledger."""
    TEST = "test"
    """Inject faults, where the testing service is offered at all."""


_PEOPLE: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.OPERATOR: frozenset({
        Permission.READ, Permission.DIRECT, Permission.OVERRULE, Permission.CONFIGURE, Permission.RECORD,
    }),
    Role.AUDITOR: frozenset({Permission.READ, Permission.AUDIT}),
    Role.ADMIN: frozenset(Permission) - {Permission.REPORT},
}  # fmt: skip
_INVESTIGATES = frozenset({Permission.READ, Permission.AUDIT, Permission.RECORD})
_MACHINES: dict[Role, frozenset[Permission]] = {
    Role.AGENT: frozenset({Permission.REPORT}),
    Role.INVESTIGATOR: _INVESTIGATES,
    Role.RESPONDER: _INVESTIGATES | {Permission.DIRECT},
}
GRANTS: dict[Role, frozenset[Permission]] = {**_PEOPLE, **_MACHINES}
"""Every role's permissions."""


GATEWAY = "sentinel-gateway"
"""Who issues the gateway's own directives; no caller may bear this name."""


def is_gateways(name: str) -> bool:
    """Whether a name is the gateway's own, or looks like it."""
    return name.strip().casefold() == GATEWAY


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a connection proved to be."""

    name: str
    """For the ledger and for messages: the certificate's common name, the token's name, or ``anonymous``."""
    roles: frozenset[Role]
    proof: str
    """``certificate``, ``token`` or ``none``."""

    def may(self, permission: Permission) -> bool:
        """Whether any of its roles gives the permission."""
        return any(permission in GRANTS[role] for role in self.roles)
