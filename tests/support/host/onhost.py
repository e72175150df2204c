"""The programs for hosts in a test: their names in this process, and streamed with code of the test's own."""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from hardening import packing
from hardening.host import onhost_request

HOOKS = """
def every(name, make):
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("hardening.onhost.") and name in vars(module):
            setattr(module, name, make(getattr(module, name)))
"""


class Program:
    """Each name that a program's modules define, or `shared`; untyped, since they run on Python 2.6."""

    def __init__(self, name: str) -> None:
        self.modules: list[ModuleType] = []
        for package in (f"hardening.onhost.{name}", "hardening.onhost.shared"):
            folder = import_module(package).__path__
            self.modules += [import_module(f"{package}.{one.name}") for one in pkgutil.iter_modules(folder)]

    def __getattr__(self, name: str) -> Any:
        for module in self.modules:
            if name in vars(module):
                return getattr(module, name)
        raise AttributeError(name)

    def replace(self, monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
        """Replace a name in each module that defines or imports it."""
        real = getattr(self, name)
        for module in list(sys.modules.values()):
            if module.__name__.startswith("hardening.onhost.") and vars(module).get(name) is real:
                monkeypatch.setattr(module, name, value)


def hooked(
    request: dict[str, Any],
    name: str = onhost_request.AGENT,
    *,
    first: str = "",
    loaded: str = "",
    last: str = "",
) -> bytes:
    """Return a streamed program with more code: at its begin, once its modules are loaded, and at its end.

    `every(NAME, make)` in `loaded` replaces a name in each module by what `make` makes of it.
    """
    text = packing.stream(name, request, local=True).decode()
    head, start, tail = text.rpartition("start(PACK")
    more = f"import sys\nsys.meta_path.insert(0, Loader(PACK))\n__import__({name!r})\n{HOOKS}\n{loaded}\n"
    return f"{first}\n{head}{more}{start}{tail}\n{last}\n".encode()
