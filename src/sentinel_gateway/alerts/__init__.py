"""Telling people: from what happened to messages in Slack, PagerDuty, mailboxes and webhooks."""
