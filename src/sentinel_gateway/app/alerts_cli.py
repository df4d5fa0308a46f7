"""`sentinel-gateway alerts ...` as it stands on the command line; what it needs is imported when a command runs.

The group is made by a function, because it is told where in the settings those about alerts are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sentinel_gateway.app.settings import Settings
    from sentinel_gateway.domain.alert_settings import AlertSettings

DatabaseUrl = Annotated[
    str | None, typer.Option("--database", help="sqlite:////path or postgresql://...; default: the settings'.")
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="The gateway's settings as YAML.")]


def alerts_group(settings_of: Callable[[Settings], AlertSettings]) -> typer.Typer:
    """The commands; `settings_of` finds the settings about alerts."""
    alerts = typer.Typer(help="Alerts: what was told to whom, and whether a channel works.", no_args_is_help=True)

    @alerts.command("list")
    def list_(
        database: DatabaseUrl = None,
        config: ConfigFile = None,
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 50,
        *,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    ) -> None:
        """What was told, and what became of it on each channel."""
        from sentinel_gateway.app import alerts_commands as commands
        from sentinel_gateway.app.ledger_place import Place

        commands.listed(Place(database, config), limit, as_json=as_json)

    @alerts.command("test")
    def test(
        channel: Annotated[str, typer.Argument(help="slack, pagerduty, email or webhook.NAME.")],
        config: ConfigFile = None,
    ) -> None:
        """Send a test alert and print what the other side said. Exit 0 where it took it, 1 where it did not."""
        from sentinel_gateway.app import alerts_commands as commands
        from sentinel_gateway.app.ledger_place import Place

        raise typer.Exit(commands.tested(settings_of(Place(config=config).settings()), channel))

    return alerts
