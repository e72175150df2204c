"""Policies: what their files may say, and what they ask for."""
