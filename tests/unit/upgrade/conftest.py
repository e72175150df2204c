"""A release engineer, three hosts that boot, and one host with the stand-in product."""

from tests.support.upgrade.fixtures import booted_fleet, quick, signer, site

__all__ = ["booted_fleet", "quick", "signer", "site"]
