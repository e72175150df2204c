"""The detector with either engine, made once."""

from tests.support.bundle.detect.credentials.fixtures import credentials, look, plain

__all__ = ["credentials", "look", "plain"]
