"""Hosts that boot."""

from tests.support.hosts.booted import booted_fleet

__all__ = ["booted_fleet"]
