"""Triggers to incidents: what belongs together, who is admitted, when, and what becomes of an incident afterwards.

Everything here is a pure function of values; `fold.decide` is the way in and ``docs/folding.md`` the rules in prose.
"""
