"""The numbered steps from one version of the database to the next, as SQL for both databases.

`migrate.WORDS` fills in what they spell differently (``$id``, ``$key``, ``$bytes``). A step that was released is never
changed: what it forgot is the next step.
"""
