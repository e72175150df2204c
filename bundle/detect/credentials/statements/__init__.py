"""Statements of any language: a name that promises a secret with what it is given, and a call with its arguments."""
