"""Hosts that boot."""

from tests.support.hosts.fixtures import booted_fleet

__all__ = ["booted_fleet"]
