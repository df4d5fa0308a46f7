"""`sentinel-gateway directives ...` against a running gateway: what is shown, asked, done, and refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import pytest_asyncio
from tests.sentinel_gateway.certificates import Authority
from tests.sentinel_gateway.driving import settings
from tests.sentinel_gateway.people import Place, placed, ran

from sentinel_gateway.app.loading import Groups
from sentinel_gateway.app.running import running_gateway
from sentinel_sdk import types
from sentinel_sdk.types import DirectiveStatus, GpuHealthState

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory):
    async with placed(tmp_path_factory.mktemp("gateway")) as place:
        yield place


async def test_those_that_wait_are_listed_with_who_issued_them(place: Place):
    directive_id, gpu = await place.waiting("olga")

    said = await place.run("ben", "list", "--gpu", gpu)

    head, line = said.out.splitlines()
    assert head.split()[:5] == ["ID", "STATUS", "ACTION", "GPU", "NODE"]
    assert directive_id.startswith(line.split()[0])
    assert line.split()[1:6] == ["WAITING", "CONDEMN", gpu, "node-7", "olga"]


async def test_ids_are_listed_whole_so_that_any_command_takes_them(place: Place):
    directive_id, gpu = await place.waiting()

    line = (await place.run("ben", "list", "--gpu", gpu)).out.splitlines()[1]

    assert line.split()[0] == directive_id
    assert (await place.run("ben", "deny", line.split()[0], "--yes")).code == 0


async def test_those_that_were_decided_are_listed_on_demand(place: Place):
    directive_id, gpu = await place.waiting()
    await place.run("ben", "deny", directive_id, "--yes")

    assert (await place.run("ben", "list", "--gpu", gpu)).out == "no directives\n"
    assert "DENIED" in (await place.run("ben", "list", "--gpu", gpu, "--status", "denied")).out
    assert "DENIED" in (await place.run("ben", "list", "--gpu", gpu, "--all")).out


async def test_a_list_that_was_cut_says_so(place: Place):
    for _ in range(2):
        await place.waiting()

    assert "more than 1" in (await place.run("ben", "list", "--limit", "1")).err
    assert json.loads((await place.run("ben", "list", "--limit", "1", "--json")).out)["more"]


async def test_everything_about_one_is_shown(place: Place):
    directive_id, gpu = await place.waiting(reason="wrong\x1b[2J sums")

    said = await place.run("ben", "show", directive_id)

    for words in (
        directive_id,
        gpu,
        "node-7",
        "CONDEMN",
        "WAITING",
        "olga",
        " ago)",
        "(in ",
        "log",
        "wrong\\u001b[2J sums",
    ):
        assert words in said.out


async def test_json_has_names_and_times(place: Place):
    directive_id, gpu = await place.waiting()

    told = json.loads((await place.run("ben", "show", directive_id, "--json")).out)

    assert (told["directive_id"], told["gpu"]["uuid"], told["status"]) == (directive_id, gpu, "WAITING")
    assert (told["action"], told["issued_by"], told["approval"]) == ("CONDEMN", "olga", None)
    assert told["expires_at"].endswith("Z")


async def test_approving_shows_what_will_happen_and_asks(place: Place):
    directive_id, gpu = await place.waiting()

    said = await place.run("ben", "approve", directive_id, "--comment", "seen", answer="y\n")

    assert said.code == 0
    assert "from HEALTHY to CONDEMNED" in said.err
    assert "approve it? [y/N]" in said.err
    assert f"{gpu} is CONDEMNED now" in said.out
    assert (await place.clients["ann"].aquery_gpu_health(gpu)).state is GpuHealthState.CONDEMNED


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("\n", 1), ("", 2)], ids=["no", "nothing said", "nobody"])
async def test_nothing_is_done_without_a_yes(place: Place, answer, code):
    directive_id, _ = await place.waiting()

    said = await place.run("ben", "approve", directive_id, answer=answer)

    assert (said.code, "nothing was done" in said.err) == (code, True)
    assert (await place.clients["ann"].aget_directive(directive_id)).status is DirectiveStatus.WAITING


async def test_nobody_approves_their_own(place: Place):
    directive_id, _ = await place.waiting("ann")

    said = await place.run("ann", "approve", directive_id, "--yes")

    assert said.code == 1
    assert "somebody else must decide it" in said.err
    assert "withdraw" in said.err


async def test_an_approval_that_comes_too_late_is_foretold_and_told(place: Place):
    directive_id, gpu = await place.waiting()
    await place.clients["ann"].aquarantine_gpu(gpu, "in the meantime")

    said = await place.run("ben", "approve", directive_id, "--yes", "--json")

    assert "will be marked OVERTAKEN" in said.err
    assert (said.code, json.loads(said.out)["status"]) == (1, "OVERTAKEN")


async def test_what_was_decided_before_is_told_with_by_whom(place: Place):
    directive_id, _ = await place.waiting()
    await place.run("ben", "deny", directive_id, "--yes")

    approved = await place.run("ann", "approve", directive_id, "--yes")
    denied = await place.run("ann", "deny", directive_id, "--yes")

    assert (approved.code, "was denied by ben" in approved.err) == (1, True)
    assert denied.code == 0


async def test_ones_own_can_be_taken_back_and_not_anothers(place: Place):
    directive_id, gpu = await place.waiting("olga")

    other = await place.run("oscar", "withdraw", directive_id, "--yes")
    own = await place.run("olga", "withdraw", directive_id, "--comment", "a mistake", "--yes")

    assert (other.code, "issued by 'olga'" in other.err) == (1, True)
    assert (own.code, own.out) == (0, f"taken back: {gpu} stays as it is\n")
    assert "a mistake" in (await place.run("ben", "approve", directive_id, "--yes")).err


async def test_an_unknown_id_is_said_to_be_unknown(place: Place):
    assert (await place.run("ben", "show", "never-issued")).code == 2
    assert "no directive 'never-issued'" in (await place.run("ben", "show", "never-issued")).err
    assert "at least 4" in (await place.run("ben", "approve", "0")).err


async def test_a_beginning_that_fits_several_decides_none(place: Place):
    one, _ = await place.waiting()
    other, _ = await place.waiting()
    assert one[:6] == other[:6], "ids begin with the time"

    said = await place.run("ben", "approve", one[:6], answer="y\n")

    assert said.code == 2
    assert "give more of the id" in said.err
    assert (await place.clients["ann"].aget_directive(one)).status is DirectiveStatus.WAITING


async def test_who_is_not_asked_must_give_the_whole_id(place: Place):
    directive_id, _ = await place.waiting()

    said = await place.run("ben", "approve", directive_id[:-1], "--yes")

    assert (said.code, "--yes takes the whole id" in said.err) == (2, True)
    assert (await place.clients["ann"].aget_directive(directive_id)).status is DirectiveStatus.WAITING


async def test_a_beginning_is_searched_among_all_whatever_became_of_them(place: Place):
    decided, _ = await place.waiting()
    await place.run("ben", "deny", decided, "--yes")

    assert "DENIED" in (await place.run("ben", "show", decided[:-1])).out


async def test_an_id_that_is_the_beginning_of_another_is_ambiguous(place: Place):
    _, gpu = await place.waiting()
    short = uuid4().hex[:12]
    for name in (short, f"{short}-2"):
        asked = types.QuarantineDirective(
            directive_id=name,
            gpu=types.GpuIdentifier(uuid=gpu),
            action=types.QuarantineAction.CONDEMN,
            reason="a test",
            timestamp=datetime.now(UTC),
        )
        await place.clients["olga"].aissue_directive(asked)

    asked_for = await place.run("ben", "deny", short, answer="y\n")

    assert (asked_for.code, f"2 directives begin with '{short}'" in asked_for.err) == (2, True)
    assert (await place.run("ben", "deny", short, "--yes")).code == 0


@pytest.mark.parametrize(
    ("environment", "arguments", "code", "words"),
    [
        ({"SENTINEL_ENDPOINT": ""}, (), 2, "SENTINEL_ENDPOINT"),
        ({"SENTINEL_TOKEN": "wrong"}, (), 2, "--token-file"),
        ({"SENTINEL_TOKEN": "agent"}, (), 1, "permission"),
        ({}, ("--endpoint", "127.0.0.1:9", "--timeout", "1"), 4, "nothing listens there"),
        ({}, ("--token-file", "/nowhere"), 2, "--token-file '/nowhere'"),
        ({}, ("--insecure", "--ca-cert", "/ca"), 2, "--insecure means no TLS"),
    ],
    ids=["no endpoint", "unknown token", "no role", "nobody there", "no file", "contradiction"],
)
async def test_who_cannot_be_let_in_hears_why(place: Place, environment, arguments, code, words):
    known = {"SENTINEL_ENDPOINT": place.endpoint, "SENTINEL_TOKEN": "ben", "SENTINEL_MAX_RETRIES": "0"}

    said = await ran("list", *arguments, environment={**known, **environment})

    assert (said.code, words in said.err) == (code, True), said.err


async def test_a_diagnosis_speaks_of_options_and_is_not_followed_by_a_guess(tmp_path, place: Place):
    certificate, key = Authority().server().write(tmp_path, "any")
    options = ("--endpoint", place.endpoint, "--ca-cert", str(certificate), "--client-cert", str(certificate))
    said = await ran("list", *options, environment={"SENTINEL_TOKEN": ""})
    tls = await ran("list", *options, "--client-key", str(key), environment={"SENTINEL_TOKEN": "ben"})

    assert (said.code, "--client-cert but no --client-key" in said.err) == (2, True), said.err
    assert (tls.code, "speaks without TLS" in tls.err, "give --insecure" in tls.err) == (4, True, True), tls.err
    assert "is the endpoint right" not in tls.err


async def test_with_tls_a_certificate_is_who_one_is(tmp_path):
    authority = Authority()
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    certificate, key = authority.server().write(tmp_path, "server")
    mine, my_key = authority.client("vera").write(tmp_path, "vera")
    groups: Groups = {
        "tls": {"cert_file": certificate, "key_file": key, "ca_file": tmp_path / "ca.crt"},
        "access": {"certificates": [{"name": "vera", "roles": ["viewer"]}]},
    }
    async with running_gateway(settings(tmp_path, groups, insecure=False)) as gateway:
        options = ("--ca-cert", str(tmp_path / "ca.crt"), "--client-cert", str(mine))
        said = await ran(
            "list", "--endpoint", f"localhost:{gateway.grpc_port}", *options,
            environment={"SENTINEL_CLIENT_KEY": str(my_key), "SENTINEL_CLIENT_CERT": str(mine), "SENTINEL_TOKEN": ""},
        )  # fmt: skip

    assert (said.code, said.out) == (0, "no directives\n"), said.err
