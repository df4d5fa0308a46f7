"""Evidence reports over the ledger: `making.make_report` is the door. Each number comes with its query and entries."""
