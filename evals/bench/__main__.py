"""`python -m gcm_sentinel.evals.bench`: print every figure with its budget.

With ``sentinel-model`` the simulations of the gateway's reliability model instead, which take options of their own.
"""

from __future__ import annotations

import logging
import sys

import structlog

from gcm_sentinel.evals.bench.footprint import footprint
from gcm_sentinel.evals.bench.ingest import ingest
from gcm_sentinel.evals.bench.ledger import ledger
from gcm_sentinel.evals.bench.outage import outage
from gcm_sentinel.evals.bench.overhead import overhead
from gcm_sentinel.evals.bench.reliability import command as sentinel_model
from gcm_sentinel.evals.bench.storm import storm
from gcm_sentinel.evals.bench.watching import watching


def main() -> None:
    """Measure and print one line a figure."""
    if sys.argv[1:2] == ["sentinel-model"]:
        sys.exit(sentinel_model.main(sys.argv[2:]))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for figure in (*footprint(), *overhead(), *storm(), *watching(), *ledger(), *ingest(), *outage()):
        print(figure.line)


if __name__ == "__main__":
    main()
