"""Named read-only checks of a GPU node: a fixed list, each answering with observations and figures."""
