"""Auditing: configuration files against policies, without network."""
