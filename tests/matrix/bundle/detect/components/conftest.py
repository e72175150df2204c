"""The packages that components are looked for in, and the detector, made once."""

from tests.support.bundle.detect.components.fixtures import (
    components,
    debian,
    look,
    need,
    npm,
    npm_program,
    pypi,
)

__all__ = ["components", "debian", "look", "need", "npm", "npm_program", "pypi"]
