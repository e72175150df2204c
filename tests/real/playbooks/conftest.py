"""A real web server per test, stopped by its pid."""

from tests.support.playbooks.fixtures import any_site, site

__all__ = ["any_site", "site"]
