"""The audit ledger: an append-only chain under a signed Merkle tree, and everything that checks or reads it."""
