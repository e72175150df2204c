"""Signed bundles: keys, DSSE envelopes, in-toto statements, the inventory they speak of, and verification."""
