"""Who is asking and what they may do: bearer tokens, deny rules, and the reviews by which clients ask about both.

Everything is allowed unless a rule denies it; the default rules deny Secrets to everybody, as a read-only role does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from sentinel_fleet.kube.jsontypes import JsonObject
from sentinel_fleet.kube.resources import STANDARD_VERBS, Resource
from sentinel_fleet.kube.status import ApiError, failure, unauthorized

ANY = ("*",)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody the API server knows."""

    name: str
    groups: tuple[str, ...] = ("system:authenticated",)


@dataclass(frozen=True, slots=True)
class Attributes:
    """One question of authorization."""

    user: User
    verb: str
    group: str = ""
    resource: str = ""
    """With its subresource: `pods/log`. Empty for paths that are no resources."""
    namespace: str = ""
    name: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Deny:
    """One rule; every field is a tuple of glob patterns and all must match."""

    verbs: tuple[str, ...] = ANY
    resources: tuple[str, ...] = ANY
    """`pods` does not cover `pods/log`, as in RBAC."""
    api_groups: tuple[str, ...] = ANY
    namespaces: tuple[str, ...] = ANY
    names: tuple[str, ...] = ANY
    users: tuple[str, ...] = ANY

    def covers(self, asked: Attributes) -> bool:
        """Whether the rule denies what is asked."""
        return bool(asked.resource) and all(
            any(fnmatchcase(value, pattern) for pattern in patterns)
            for value, patterns in (
                (asked.verb, self.verbs),
                (asked.resource, self.resources),
                (asked.group, self.api_groups),
                (asked.namespace, self.namespaces),
                (asked.name, self.names),
                (asked.user.name, self.users),
            )
        )


NO_SECRETS = Deny(resources=("secrets",))


@dataclass(frozen=True, slots=True)
class Rules:
    """Authentication and authorization of one API server."""

    deny: tuple[Deny, ...] = (NO_SECRETS,)
    tokens: Mapping[str, User] = field(default_factory=dict)
    """Bearer token to user. Empty: no credentials are asked for and everybody is `default_user`."""
    default_user: User = User("fleet-admin", ("system:masters", "system:authenticated"))

    def authenticate(self, authorization: str) -> User:
        """The user behind an Authorization header.

        Raises:
            ApiError: 401 when tokens are asked for and this is none of them.
        """
        if not self.tokens:
            return self.default_user
        scheme, _, token = authorization.partition(" ")
        user = self.tokens.get(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise unauthorized()
        return user

    def allows(self, asked: Attributes) -> bool:
        """Whether no rule denies it."""
        return not any(rule.covers(asked) for rule in self.deny)


def forbidden(asked: Attributes) -> ApiError:
    """The refusal, in the words of the real server."""
    if not asked.resource:
        return failure(
            403, "Forbidden", f'forbidden: User "{asked.user.name}" cannot {asked.verb} path "{asked.path}"', {}
        )
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    what = f'resource "{asked.resource}" in API group "{asked.group}"'
    plural = asked.resource.partition("/")[0]
    qualified = f"{plural}.{asked.group}" if asked.group else plural
    target = f'{qualified} "{asked.name}"' if asked.name else qualified
    details = {key: value for key, value in (("name", asked.name), ("group", asked.group), ("kind", plural)) if value}
    message = f'{target} is forbidden: User "{asked.user.name}" cannot {asked.verb} {what} {where}'
    return failure(403, "Forbidden", message, details)


def _asked(user: User, spec: JsonObject) -> Attributes:
    path = spec.get("nonResourceAttributes")
    if isinstance(path, dict):
        return Attributes(user, str(path.get("verb", "")), path=str(path.get("path", "")))
    wanted = spec.get("resourceAttributes") or {}
    resource = str(wanted.get("resource", ""))
    if wanted.get("subresource"):
        resource += f"/{wanted['subresource']}"
    return Attributes(
        user,
        verb=str(wanted.get("verb", "")),
        group=str(wanted.get("group", "")),
        resource=resource,
        namespace=str(wanted.get("namespace", "")),
        name=str(wanted.get("name", "")),
    )


def access_review(rules: Rules, user: User, review: JsonObject, *, refused: bool) -> JsonObject:
    """The answered SelfSubjectAccessReview; `refused` is the state in which the whole server answers 403."""
    asked = _asked(user, review["spec"])
    allowed = rules.allows(asked) and not (refused and asked.resource)
    reason = "" if allowed else f"denied by rule: {asked.verb} {asked.resource}"
    status = {"allowed": allowed, "reason": reason} if reason else {"allowed": allowed}
    return {**review, "status": status}


def rules_review(rules: Rules, user: User, review: JsonObject, served: Iterable[Resource]) -> JsonObject:
    """The answered SelfSubjectRulesReview: the verbs left for every resource in the namespace asked about."""
    namespace = str(review["spec"].get("namespace", ""))
    lines = []
    for resource in served:
        for name, verbs in resource_verbs(resource).items():
            asked = (
                Attributes(user, verb, resource.group, name, namespace if resource.namespaced else "") for verb in verbs
            )
            left = [a.verb for a in asked if rules.allows(a)]
            if left:
                lines.append({"verbs": left, "apiGroups": [resource.group], "resources": [name]})
    paths = [{"verbs": ["get"], "nonResourceURLs": ["*"]}]
    status = {"resourceRules": lines, "nonResourceRules": paths, "incomplete": False}
    return {**review, "status": status}


def resource_verbs(resource: Resource) -> dict[str, tuple[str, ...]]:
    """The resource and its subresources with the verbs each is served with."""
    special = {"eviction": ("create",), "log": ("get",), "proxy": ("get",)}
    found: dict[str, tuple[str, ...]] = {resource.plural: STANDARD_VERBS}
    if resource.status:
        found[f"{resource.plural}/status"] = ("get", "patch", "update")
    return found | {f"{resource.plural}/{name}": special[name] for name in resource.subresources}
