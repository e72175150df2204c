"""Turns what a scan learned into an `Offer` and into findings.

It may import the strategy and the wire.
"""
