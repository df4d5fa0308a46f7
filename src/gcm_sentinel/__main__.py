"""`python -m gcm_sentinel`: the command line."""

from gcm_sentinel.app.cli import main

main()
