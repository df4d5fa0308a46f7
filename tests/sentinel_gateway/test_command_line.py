"""The command line: what it prints, and how it ends."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from typing import Any

import pytest
import typer
from tests.sentinel_gateway.certificates import Authority
from typer.testing import CliRunner

from sentinel_gateway.app import cli
from sentinel_gateway.app.settings import Access
from sentinel_gateway.app.showing import masked
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
    directives = [("directives", name) for name in ("list", "show", "approve", "deny", "withdraw")]
    config = [("config", name) for name in ("show", "check")]
    for command in ((), ("serve",), *config, ("token",), ("ledger",), ("directives",), *directives, ("version",)):
        assert CliRunner().invoke(cli.cli, [*command, "--help"]).exit_code == 0


@pytest.mark.parametrize("command", ["show", "check"])
def test_the_configuration_is_looked_at_with_the_options_of_serve(command):
    assert _options("config", command) == _options("serve")


def _options(*names: str) -> set[str]:
    command: Any = typer.main.get_command(cli.cli)
    for name in names:
        command = command.commands[name]
    return {option for parameter in command.params for option in parameter.opts}


def test_options_count_when_the_configuration_is_checked(run):
    assert run("config", "check", "--insecure", "--port", "0")[0] == 0
    assert run("config", "check", "--insecure", "--listen", "0.0.0.0:0")[0] == 2


def test_all_that_does_not_fit_is_told_a_line_each(run, tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text("tls: {enabled: false}\ngrpc: {max_calls: 0, max_connections: 0}\n")

    code, _, err = run("config", "check", "--config", str(file))

    lines = err.strip().splitlines()
    assert (code, [line.split()[1] for line in lines]) == (2, ["grpc.max_connections:", "grpc.max_calls:"])


def test_all_files_that_cannot_be_used_are_told(run, tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text("tls: {enabled: false}\naccess: {tokens_file: /no/a}\nprobes: {hmac_key_file: /no/b}\n")

    code, _, err = run("config", "check", "--config", str(file))

    assert (code, "/no/a" in err, "/no/b" in err, len(err.splitlines())) == (2, True, True, 2)


def test_values_and_the_files_that_the_others_name_are_told_together(run, tmp_path):
    """Half a TLS pair, an unknown key, and three files in two groups: whatever one of them is, the others are told."""
    file = tmp_path / "gateway.yaml"
    file.write_text(
        "tls: {cert_file: /no/t}\ngrpc: {max_calls: 0}\naccess: {tokens_file: /no/a, insecur: true}\n"
        "probes: {hmac_key_file: /no/b, hmac_host_keys_file: /no/c}\n"
    )

    code, _, err = run("config", "check", "--config", str(file))

    expected = ("max_calls", "cert_file and key_file are both", "insecur", "/no/a", "/no/b", "/no/c")
    assert [words for words in expected if words not in err] == []
    assert (code, len(err.splitlines())) == (2, len(expected))


def test_all_missing_tls_files_are_told(run, tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text("tls: {cert_file: /no/a, key_file: /no/b, ca_file: /no/c}\n")

    code, _, err = run("config", "check", "--config", str(file))

    assert (code, [f"/no/{letter}" in err for letter in "abc"], len(err.splitlines())) == (2, [True] * 3, 3)


def test_a_certificate_that_has_expired_is_told_with_its_dates(run, tmp_path):
    certificate, key = Authority().server(days=-1, from_days=-9).write(tmp_path, "server")
    file = tmp_path / "gateway.yaml"
    file.write_text(f"tls: {{cert_file: {certificate}, key_file: {key}, require_client_auth: none}}\n")

    code, _, err = run("config", "check", "--config", str(file))

    assert (code, "has expired: it is valid from 20" in err) == (2, True)


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
    assert "url: postgresql://***:***@h/d" in out


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://host:5433/name?sslmode=require", "postgresql://host:5433/name?sslmode=require"),
        (
            "postgresql://host/name?password=geheim&user=geheim",
            "postgresql://host/name?password=***&user=***",
        ),
        ("sqlite:////var/lib/gateway.db", "sqlite:////var/lib/gateway.db"),
        ("postgresql://u:ge@heim@host/name", "***"),
        ("geheim", "***"),
    ],
)
def test_of_a_database_url_only_user_and_password_are_masked(url, shown):
    assert masked(url) == shown


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
