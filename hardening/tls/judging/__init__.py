"""Judging: an offer against policies, fact by fact, into findings and verdicts."""
