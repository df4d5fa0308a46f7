"""What was and will be true of each node and pod at any instant; facts applied to the healthy baseline."""
