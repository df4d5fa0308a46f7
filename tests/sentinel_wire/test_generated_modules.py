"""Stubs stand where clients of the protocol import them from, and only where there is something to call."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import pytest
from tests.sentinel_wire.rows import contract, contract_files

import sentinel

EXTENSIONS = [f"sentinel/ext/v1/{name}.proto" for name in ("directives", "ledger", "records", "tmr")]
SERVICES = sorted({(row[1], row[2]) for row in contract() if row[0] == "rpc"})
WITH_SERVICES = {path for path, _ in SERVICES}


def module_of(path, suffix):
    return path.removesuffix(".proto").replace("/", ".") + suffix


@pytest.mark.parametrize("path", [*contract_files(), *EXTENSIONS])
def test_every_file_has_its_messages(path):
    assert importlib.import_module(module_of(path, "_pb2")).DESCRIPTOR.name == path


@pytest.mark.parametrize(("path", "service"), SERVICES)
def test_every_service_has_a_stub_and_a_servicer(path, service):
    module = importlib.import_module(module_of(path, "_pb2_grpc"))

    assert {f"{service}Stub", f"{service}Servicer", f"add_{service}Servicer_to_server"} <= set(vars(module))


@pytest.mark.parametrize("path", sorted(set(contract_files()) - WITH_SERVICES))
def test_a_file_without_services_has_no_service_module(path):
    assert importlib.util.find_spec(module_of(path, "_pb2_grpc")) is None


def test_the_package_says_that_it_is_typed():
    folder = Path(str(sentinel.__file__)).parent
    modules = {file.with_suffix("") for file in folder.rglob("*_pb2*.py")}

    assert (folder / "py.typed").is_file()
    assert modules == {file.with_suffix("") for file in folder.rglob("*_pb2*.pyi")}
