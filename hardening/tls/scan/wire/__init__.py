"""Bytes of the protocols: hellos, answers, TLS 1.3, STARTTLS, SSH. Pure functions.

It imports no other room of the scanner.
"""
