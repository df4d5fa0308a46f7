"""Renders publications as one self-contained HTML page: the page an engineer opens at three in the morning.

`render_report` is called by the CLI and the demo. No script, no external asset: style and drawings are inline, and a
content security policy in the page forbids everything else, so that even a hole in the escaping could run nothing.
All text comes from logs, alerts and models and is hostile: autoescape is on, `web/plain.printable` makes control and
reordering characters visible in every printed value, and only drawings made in this room are marked as safe.

Jinja2 is imported when a report is rendered, not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gcm_sentinel.domain.order_history import OrderBook
from gcm_sentinel.domain.protocols import Publication
from gcm_sentinel.web.incident_view import IncidentView, view_of
from gcm_sentinel.web.order_view import order_view
from gcm_sentinel.web.plain import moment, offset, printable

if TYPE_CHECKING:
    from jinja2 import Environment

_NO_ORDERS = OrderBook()


def render_report(
    publications: Sequence[Publication], *, title: str, generated_at: datetime, orders: OrderBook = _NO_ORDERS
) -> str:
    """The whole page as text (write it as UTF-8); with several publications an index stands on top.

    `orders` are those of a stored incident, of all its investigations: what was done is told, whichever is shown.
    """
    views = [view_of(publication, f"i{number}") for number, publication in enumerate(publications, 1)]
    page = _environment().get_template("report.html.j2")
    told = [order_view(item, generated_at) for item in orders.shown]
    return page.render(title=title, generated_at=generated_at, incidents=_ranked(views), orders=told, book=orders)


def _ranked(views: Sequence[IncidentView]) -> list[IncidentView]:
    """Gravest first, then the order given."""
    order = ("critical", "warning", "info", "ok")
    return sorted(views, key=lambda view: order.index(view.draft.severity))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("gcm_sentinel.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = moment
    environment.filters["offset"] = offset
    environment.filters["clock"] = lambda value: moment(value)[11:]
    environment.filters["iso"] = lambda value: value.astimezone(UTC).isoformat()
    environment.filters["drawing"] = _drawing
    return environment


def _finalize(value: Any) -> Any:  # noqa: ANN401  Jinja hands over whatever an expression yields
    """Make invisible characters of strings visible; drawings marked as safe and numbers pass as they are."""
    is_plain = isinstance(value, str) and not hasattr(value, "__html__")
    return printable(value) if is_plain else value


def _drawing(svg: str) -> Any:  # noqa: ANN401  markupsafe.Markup, imported with Jinja only
    """Mark an SVG made by this room as safe to print unescaped."""
    from markupsafe import Markup

    return Markup(svg)  # noqa: S704  every label in it passed html.escape
