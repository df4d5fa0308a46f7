"""From certificates and tokens to callers."""

from __future__ import annotations

import hashlib

import pytest
from pydantic import ValidationError

from sentinel_gateway.app.minting import mint
from sentinel_gateway.app.settings import Access
from sentinel_gateway.domain.access import (
    AccessRules,
    CertificateNames,
    CertificateRule,
    NameKind,
    TokenHolder,
    bearer_token,
)
from sentinel_gateway.domain.errors import BadConfiguration, Unauthenticated
from sentinel_gateway.domain.roles import Role

AGENT, VIEWER, ADMIN = frozenset({Role.AGENT}), frozenset({Role.VIEWER}), frozenset({Role.ADMIN})
RULES = AccessRules(
    certificates=(
        CertificateRule(NameKind.COMMON_NAME, "probe-agent", AGENT),
        CertificateRule(NameKind.DNS, "*.ops.example.com", VIEWER),
        CertificateRule(NameKind.URI, "spiffe://example.com/admin/*", ADMIN),
        CertificateRule(NameKind.COMMON_NAME, "probe-*", VIEWER),
    ),
    tokens={hashlib.sha256(b"secret").hexdigest(): TokenHolder("jane", ADMIN)},
)


@pytest.mark.parametrize(
    ("names", "roles"),
    [
        (CertificateNames("probe-agent"), AGENT | VIEWER),
        (CertificateNames("PROBE-AGENT"), frozenset()),
        (CertificateNames("x", dns=("a.ops.example.com",)), VIEWER),
        (CertificateNames("a.ops.example.com"), frozenset()),
        (CertificateNames("", uris=("spiffe://example.com/admin/jane",)), ADMIN),
        (CertificateNames("unknown"), frozenset()),
    ],
    ids=["exact and glob", "case differs", "dns", "a name of another kind", "uri", "no rule"],
)
def test_a_certificate_has_the_roles_of_all_rules_that_match(names, roles):
    assert RULES.caller(names, None).roles == roles


def test_a_certificate_without_a_common_name_is_shown_by_another_name():
    assert RULES.caller(CertificateNames(uris=("spiffe://x/y",)), None).name == "spiffe://x/y"


def test_a_token_decides_alone():
    caller = RULES.caller(CertificateNames("probe-agent"), "secret")

    assert (caller.name, caller.roles, caller.proof) == ("jane", ADMIN, "token")


def test_an_unknown_token_is_refused_even_with_a_good_certificate():
    with pytest.raises(Unauthenticated, match="not known"):
        RULES.caller(CertificateNames("probe-agent"), "guess")


def test_who_shows_nothing_is_refused_unless_anonymous_callers_have_roles():
    with pytest.raises(Unauthenticated):
        RULES.caller(None, None)
    assert AccessRules(anonymous=VIEWER).caller(None, None).name == "anonymous"


@pytest.mark.parametrize("header", ["secret", "Basic abc", "Bearer", "Bearer  ", ""])
def test_an_authorization_header_of_another_kind_is_refused(header):
    with pytest.raises(Unauthenticated):
        bearer_token(header)


def test_the_scheme_may_be_written_in_any_case():
    assert bearer_token("bearer  secret ") == "secret"
    assert bearer_token(None) is None


@pytest.mark.parametrize("names", [CertificateNames("sentinel-gateway"), CertificateNames("", ("Sentinel-Gateway",))])
def test_a_certificate_with_the_gateways_own_name_has_no_role(names):
    rules = AccessRules(
        (CertificateRule(NameKind.COMMON_NAME, "*", VIEWER), CertificateRule(NameKind.DNS, "*", VIEWER))
    )

    assert rules.caller(names, None).roles == frozenset()


@pytest.mark.parametrize("kind", ["tokens", "certificates"])
def test_settings_give_nobody_the_gateways_own_name(kind):
    holder = {"name": "sentinel-gateway", "roles": ["responder"]} | ({"sha256": "0" * 64} if kind == "tokens" else {})

    with pytest.raises(ValidationError, match="is the gateway's own name"):
        Access.model_validate({kind: [holder]})


def test_no_token_is_made_for_the_gateways_own_name():
    with pytest.raises(BadConfiguration, match="is the gateway's own name"):
        mint("sentinel-gateway", ["responder"])
