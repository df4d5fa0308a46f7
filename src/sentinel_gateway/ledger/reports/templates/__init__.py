"""The page of a report; read as package data."""
