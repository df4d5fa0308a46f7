"""Alerting in one process, to be killed: delivers what a database owes to one webhook."""

from __future__ import annotations

import asyncio
import logging
import sys

import structlog
from tests.sentinel_alerts.sending import Post, webhook

from sentinel_gateway.storage.database import Database


async def main(database_url: str, url: str) -> None:
    """Deliver until killed."""
    with Database.open(database_url) as database:
        async with Post(database).delivering(webhook("a", url)):
            await asyncio.Event().wait()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asyncio.run(main(sys.argv[1], sys.argv[2]))
