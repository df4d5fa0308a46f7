"""Figures for the performance budgets. They print and never fail a build: a shared machine is no judge."""
