"""Upgrade bundles: walk, audit, clean, sign."""

from bundle.audit import audit

__all__ = ["audit"]
