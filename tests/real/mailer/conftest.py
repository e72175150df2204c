"""The double, and settings that point at it."""

from tests.support.mailer.fixtures import fake, site

__all__ = ["fake", "site"]
