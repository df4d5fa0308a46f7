"""Generated from `proto/sentinel/` by `make protos`; not edited by hand."""
