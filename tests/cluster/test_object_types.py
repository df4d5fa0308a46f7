"""The fields that the simulated API server knows are those that the real one describes."""

from __future__ import annotations

from tests.cluster.object_types import FILE, described


def test_the_table_of_fields_is_what_the_real_server_says(cluster):
    assert FILE.read_text(encoding="utf-8") == described(cluster.admin.get("/openapi/v2"))
