"""`python -m sentinel_node`."""

from __future__ import annotations

from sentinel_node.app.cli import main

if __name__ == "__main__":
    main()
