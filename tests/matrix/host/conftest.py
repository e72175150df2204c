"""The little host, once, and once per interpreter."""

from tests.support.host.fixtures import aged, little, mariadb, postgresql

__all__ = ["aged", "little", "mariadb", "postgresql"]
