"""A GPU in software: what its SMs compute for probes, and the wrong bits of defects that testers asked for.

`sm` computes each probe's work as hardware does, operation by operation, through `damage`; `golden` knows the right
answer from another algorithm; `probing` compares the two. So a fault is found by comparing bits, not by being told
of it. Everything here is a pure function of a seed and faults: an agent with a real GPU can use `operands`,
`golden` and `probing.compared` for its own results.
"""
