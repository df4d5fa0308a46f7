"""The life of an incident: one file per stage, run together by app/workflow.py."""
