"""Hosts that boot."""

from tests.hosts.booted import booted_fleet

__all__ = ["booted_fleet"]
