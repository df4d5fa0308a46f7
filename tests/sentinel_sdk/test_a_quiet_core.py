"""gRPC's core writes to standard error by itself: our programs keep that out of their logs, the library does not."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from tests.sentinel_sdk.gateway import Secure

from sentinel_sdk import (
    ConnectionError,  # noqa: A004 - the documented name
    RetryConfig,
    SentinelClient,
    TlsConfig,
)

pytestmark = pytest.mark.slow

MAIN = "import os, sys; from {}.app.cli import main\ntry: main()\nfinally: print(os.environ.get('GRPC_VERBOSITY'))"


def _verbosity(package, **environment):
    own = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"} | environment
    command = [sys.executable, "-c", MAIN.format(package), "version"]
    done = subprocess.run(command, env=own, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("package", ["gcm_sentinel", "sentinel_gateway"])
def test_a_program_silences_it(package):
    assert _verbosity(package) == "NONE"


@pytest.mark.parametrize("package", ["gcm_sentinel", "sentinel_gateway"])
def test_what_somebody_has_set_stays(package):
    assert _verbosity(package, GRPC_VERBOSITY="DEBUG") == "DEBUG"


def test_a_failed_handshake_leaves_no_line_of_the_core_in_the_gateways_log(secure: Secure):
    tls = TlsConfig(ca_cert_path=str(secure.authority.certificate))
    once = RetryConfig(max_retries=0)
    with (
        SentinelClient.connect(secure.endpoint, tls_config=tls, retry_config=once) as client,
        pytest.raises(ConnectionError, match="wants a client certificate"),
    ):
        client.query_fleet_health()

    log = (secure.authority.certificate.parent / "gateway.log").read_text()
    assert log
    assert not re.findall(r"(?m)^[IWEF]\d{4} .*", log)
