"""The door to the policies: which there are, and one by its name."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from hardening.errors import UsageError
from hardening.tls.policy_file import read, read_names
from hardening.tls.requirement import Level, PolicyRule, Reason, RuleKind
from hardening.tls.ruleset import Policy

__all__ = [
    "DEFAULT",
    "Level",
    "Policy",
    "PolicyRule",
    "Reason",
    "RuleKind",
    "available",
    "load",
    "short_names",
]

DEFAULT = "aspect"


def _folder() -> Traversable:
    return files("hardening.tls") / "data" / "policies"


@cache
def available() -> tuple[str, ...]:
    """Return the full ids of the shipped policies in alphabetical order."""
    return tuple(
        sorted(f.name.removesuffix(".toml") for f in _folder().iterdir() if f.name.endswith(".toml"))
    )


@cache
def short_names() -> dict[str, str]:
    """Return the short names, each with the full id it means today."""
    found: dict[str, str] = {}
    for name in available():
        for short in read_names(_folder() / f"{name}.toml"):
            found[short] = name
    return found


@cache
def load(name: str) -> Policy:
    """Return a policy by its id, its short name, or the path of a TOML file of the user's.

    Errors: UsageError with the nearest known name; DataError naming file and key.
    """
    if name in available():
        return read(_folder() / f"{name}.toml", find=load)
    if name.endswith(".toml") or "/" in name:
        return read(Path(name), find=load)
    full = short_names().get(name)
    if full is None:
        known = (*available(), *short_names())
        close = get_close_matches(name, known, n=1)
        raise UsageError(
            f"unknown policy {name!r}",
            hint=f"did you mean {close[0]!r}?" if close else "harden tls policies lists them",
        )
    return load(full)
