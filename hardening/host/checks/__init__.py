"""Audit what earlier upgrades left behind on a host: its own tree, or a mounted or collected copy."""

from hardening.host.checks.audit import audit, named
from hardening.host.checks.paths import CONFIGURED, Paths, below, fits, wanted
from hardening.host.checks.root import FileMeta, Root

__all__ = ["CONFIGURED", "FileMeta", "Paths", "Root", "audit", "below", "fits", "named", "wanted"]
