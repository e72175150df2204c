"""Decides what to ask an endpoint next, and when an answer is certain. No sockets and no clock.

It may import the wire; reports are built from what it learned.
"""
