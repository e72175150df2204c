"""Where real servers have their files."""

from tests.support.tls.targets.fixtures import folder

__all__ = ["folder"]
