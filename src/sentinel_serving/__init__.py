"""What the servers of this distribution have in common: certificates, tokens, the log, how settings are written."""
