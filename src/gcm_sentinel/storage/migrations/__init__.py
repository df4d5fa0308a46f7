"""The numbered steps that bring a database from one version to the next, as SQL.

``0001_first.sql`` makes version 1 out of nothing, ``0002_….sql`` version 2 out of version 1, and so on. A step that was
released is never changed again: what was forgotten is the next step. Both databases run the same text; the few words
they spell differently are placeholders that `migrate.WORDS` fills in (``$id``, ``$bytes``).
"""
