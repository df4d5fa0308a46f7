"""What the gateway keeps between restarts, but for the ledger: SQLite in a file or PostgreSQL."""
