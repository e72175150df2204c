"""A browser for the pages of the site."""

from tests.support.reports.browser import browser

__all__ = ["browser"]
