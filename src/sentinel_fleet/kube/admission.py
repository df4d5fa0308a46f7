"""Validating admission webhooks, as far as their clients see them: requests they deny, in the real server's words.

They are asked about dry runs as well, but for one with side effects: there the server refuses the dry run itself,
whatever the webhook would say (k8s.io/apiserver, pkg/admission/plugin/webhook/errors).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sentinel_fleet.kube.paths import ResourcePath
from sentinel_fleet.kube.status import bad_request, failure


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook and what it denies."""

    name: str
    words: str
    """Why, in its answer."""
    verbs: tuple[str, ...] = ("*",)
    """Glob patterns, as those of the resources."""
    resources: tuple[str, ...] = ("*",)
    """With their subresource: `pods/eviction`."""
    code: int = 403
    """The HTTP status it wants, 400 for example."""
    denies: bool = True
    side_effects: bool = False
    """Whether it cannot be asked about a dry run."""

    def concerns(self, path: ResourcePath) -> bool:
        """Whether it is asked about a request to `path`."""
        both = ((path.verb, self.verbs), (path.attribute, self.resources))
        return all(any(fnmatchcase(value, pattern) for pattern in patterns) for value, patterns in both)


def admit(webhooks: Sequence[Webhook], path: ResourcePath, *, dry_run: bool) -> None:
    """Let a request through.

    Raises:
        ApiError: a webhook denies it, or cannot be asked about a dry run.
    """
    for webhook in webhooks:
        if not webhook.concerns(path):
            continue
        if webhook.side_effects and dry_run:
            raise bad_request(f'admission webhook "{webhook.name}" does not support dry run')
        if webhook.denies:
            reason = {400: "BadRequest", 403: "Forbidden"}.get(webhook.code, "")
            words = f'admission webhook "{webhook.name}" denied the request: {webhook.words}'
            raise failure(webhook.code, reason, words)
