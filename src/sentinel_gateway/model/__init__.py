"""How evidence becomes decisions: a sequential test for each SM, fleet guards, patterns.

Everything here is pure. docs/sentinel-model.md has the arithmetic and the figures.
"""
