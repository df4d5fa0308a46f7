"""The command line: what it prints, and how it ends."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys

import pytest
from typer.testing import CliRunner

from sentinel_gateway.app import cli
from sentinel_gateway.app.settings import Access
from sentinel_gateway.app.tokens import Rules


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command as `main` would; gives exit code, standard output and standard error."""
    for name in [name for name in os.environ if name.startswith("SENTINEL_")]:
        monkeypatch.delenv(name)

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["sentinel-gateway", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return run


async def test_help_imports_nothing_heavy():
    words = "import sys; sys.argv = ['x', '--help']; import sentinel_gateway.app.cli as c\ntry: c.main()\n"
    words += "finally: print([m for m in ('grpc', 'sqlalchemy', 'uvicorn', 'sentinel_sdk') if m in sys.modules])"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", words, stdout=asyncio.subprocess.PIPE)

    out, _ = await child.communicate()
    assert b"serve" in out
    assert out.strip().endswith(b"[]")


def test_every_command_explains_itself():
    for command in ((), ("serve",), ("config", "show"), ("config", "check"), ("token",), ("ledger",), ("version",)):
        assert CliRunner().invoke(cli.cli, [*command, "--help"]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("serve",), "--insecure"),
        (("serve", "--insecure", "--listen", "0.0.0.0:0"), "not loopback"),
        (("serve", "--config", "/nowhere.yaml"), "there is no such file"),
        (("token", "--name", "a", "--role", "king"), "viewer"),
        (("token", "--name", "a\nb", "--role", "viewer"), "printable"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(run, arguments, words):
    code, _, err = run(*arguments)

    assert code == 2
    assert words in err
    assert len(err.strip().splitlines()) == 1


def test_the_configuration_is_shown_with_secrets_masked(run, tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text("tls: {enabled: false}\nprobes: {hmac_key: geheim}\ndatabase: {url: 'postgresql://u:geheim@h/d'}\n")

    code, out, _ = run("config", "show", "--config", str(file))
    assert code == 0
    assert "geheim" not in out
    assert "listen: 0.0.0.0:50051" in out


def test_the_configuration_is_checked_down_to_its_files(run, tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text(f"tls: {{cert_file: {tmp_path}/a, key_file: {tmp_path}/b, require_client_auth: none}}\n")
    code, _, err = run("config", "check", "--config", str(file))
    assert (code, "cannot be read" in err) == (2, True)

    file.write_text("tls: {enabled: false}\n")
    assert run("config", "check", "--config", str(file))[0] == 0


def test_a_token_is_made_whose_line_lets_its_bearer_in(run, tmp_path):
    _, token, line = run("token", "--name", "jane doe", "--role", "viewer", "--role", "auditor")
    file = tmp_path / "tokens"
    file.write_text("# people\n\n" + line)

    caller = Rules(Access(tokens_file=file)).current().caller(None, token.strip())
    assert (caller.name, sorted(caller.roles)) == ("jane doe", ["auditor", "viewer"])
    assert hashlib.sha256(token.strip().encode()).hexdigest() in line
