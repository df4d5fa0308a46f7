"""The healthy fleet: machines, names, workloads, log lines; what every world has before anything happens to it."""
