"""Detectors of inference and training monitors: pure, sample by sample, on the standard library alone.

`drift` (LOGIT_DRIFT, ENTROPY_ANOMALY), `divergence` (KL_DIVERGENCE), `spike` (GRADIENT_NORM_SPIKE, LOSS_SPIKE) and
`ranks` (CROSS_RANK_DIVERGENCE) each state their threshold, what it rests on and how often it is wrong on healthy data.
`inference` and `training` put them together for one GPU and one group of ranks; NaN and infinity are
INVARIANT_VIOLATION and enter no statistic. What every detector keeps to:

* nothing is said before its baseline is learned, and what alarms never becomes part of the baseline;
* one anomaly is told once, and again only after a while: a gateway needs no event for every sample;
* a baseline belongs to one model or run. A new one starts with a new monitor.
"""
