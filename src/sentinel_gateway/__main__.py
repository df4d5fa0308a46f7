"""`python -m sentinel_gateway`."""

from __future__ import annotations

from sentinel_gateway.app.cli import main

if __name__ == "__main__":
    main()
