"""Creating and patching objects."""

from __future__ import annotations

import json

import pytest

from gcm_sentinel.clients.kubernetes.dry_run import DryWriter
from gcm_sentinel.domain.errors import Refused, Rejected


async def test_creates_an_object(api, client):
    api.always(201, {"metadata": {"name": "e1"}})

    created = await client.create("/api/v1/namespaces/default/events", {"kind": "Event", "count": 0})

    assert created["metadata"]["name"] == "e1"
    assert (api.requests[0].method, json.loads(api.bodies[0])) == ("POST", {"kind": "Event", "count": 0})


@pytest.mark.parametrize(
    "content_type",
    ["application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml"],
)
async def test_patches_in_the_form_the_caller_chose(api, client, content_type):
    api.always(200, {"metadata": {"name": "n1"}})

    await client.patch("/api/v1/nodes/n1", {"a": 1}, content_type=content_type, field_manager="me", force=True)

    request = api.requests[0]
    assert (request.method, request.headers["Content-Type"]) == ("PATCH", content_type)
    assert dict(request.query) == {"fieldManager": "me", "force": "true"}
    assert json.loads(api.bodies[0]) == {"a": 1}


async def test_a_json_patch_is_sent_as_a_list(api, client):
    api.always(200, {})

    await client.patch("/x", [{"op": "remove", "path": "/a"}], content_type="application/json-patch+json")

    assert api.requests[0].headers["Content-Type"] == "application/json-patch+json"
    assert json.loads(api.bodies[0]) == [{"op": "remove", "path": "/a"}]


async def test_a_conflict_is_rejected_with_409(api, client):
    api.always(409, {"message": "the object has been modified"})

    with pytest.raises(Rejected) as caught:
        await client.create("/x", {"kind": "Event"})

    assert caught.value.status == 409


async def test_deletes_as_the_options_say(api, client):
    api.always(200, {"kind": "Status", "status": "Success"})
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "u", "resourceVersion": "7"}}

    await client.delete("/apis/g/v1/things/x", options)

    assert (api.requests[0].method, api.requests[0].path) == ("DELETE", "/apis/g/v1/things/x")
    assert json.loads(api.bodies[0]) == options


async def test_every_write_of_a_dry_writer_is_marked_as_one(api, client):
    api.always(200, {})
    writer = DryWriter(client)

    await writer.create("/api/v1/x", {"kind": "Event"})
    await writer.patch("/api/v1/x/1", {"a": 1}, content_type="application/merge-patch+json", field_manager="me")
    with pytest.raises(Refused):
        await writer.delete("/api/v1/x/1", {})

    asked = [(request.method, dict(request.query)) for request in api.requests]
    assert asked == [("POST", {"dryRun": "All"}), ("PATCH", {"dryRun": "All", "fieldManager": "me"})]
