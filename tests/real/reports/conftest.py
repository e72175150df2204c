"""Runs the writers are tested with."""

from tests.support.reports.browser import browser
from tests.support.reports.fixtures import (
    any_run,
    clean_run,
    hostile_names,
    hostile_run,
    make_crowd,
    mixed_run,
)

__all__ = ["any_run", "browser", "clean_run", "hostile_names", "hostile_run", "make_crowd", "mixed_run"]
