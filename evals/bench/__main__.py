"""`python -m gcm_sentinel.evals.bench`: print every figure with its budget."""

from __future__ import annotations

import logging

import structlog

from gcm_sentinel.evals.bench.footprint import footprint
from gcm_sentinel.evals.bench.ledger import ledger
from gcm_sentinel.evals.bench.overhead import overhead
from gcm_sentinel.evals.bench.storm import storm
from gcm_sentinel.evals.bench.watching import watching


def main() -> None:
    """Measure and print one line a figure."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for figure in (*footprint(), *overhead(), *storm(), *watching(), *ledger()):
        print(figure.line)


if __name__ == "__main__":
    main()
