"""Whose a credential is, by all that its place tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bundle.detect.credentials.judging.keyword import Kind, kind_of
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.texts.textview import View
from bundle.detect.credentials.whose import accounts, commands, services
from bundle.detect.credentials.whose.beside import NEAR, beside, headed
from bundle.detect.credentials.whose.scope import BESIDE, Scope, scopes

_COMMAND, _TOKEN, _XML = "credential/command-line", "credential/service-token", "credential/xml"
_SETTINGS = frozenset(("credential/assignment", "credential/xml", "credential/daemon-setting"))
_LISTS = frozenset(
    ("credential/daemon-setting", "credential/password-file", "credential/password-hash", _COMMAND)
)
"""Whose lines are no prose: what stands behind the word `user` is one."""
_OF_A_LINE = 250
"""Bytes to either side of a value in which its line tells the service: some files are a single line."""


def owned(one: Catch, family: str, view: View, kind: str, path: str = "") -> Catch:
    """Return a catch with the account and the service that what stands beside it tells, where it tells none itself."""
    if family == _TOKEN:
        return one
    account = "" if one.user.isdigit() else one.user.rstrip(",;")
    service, near, own = one.service, "", _scopes(one, family, view, kind)
    others: list[str] = []
    level = len(own)
    if family == _COMMAND:
        text, at = commands.command(view, one)
        account = account or commands.of_its_options(text, at)
        service = service or commands.of_its_program(text)
    if not account and (family not in _SETTINGS or kind_of(one.key) is not Kind.TOKEN):
        level, found = _on_its_line(one, family, own, kind)
        if not found and family in _SETTINGS:
            found = beside(*_around(view, one, own[:BESIDE][-1]), one, kind)
            near = _told_near(view, one, own[:BESIDE][-1]) if found else ""
        if not found:
            found = [(headed(view, one) if kind != place.CODE else "") or accounts.in_the_name(one.key)]
        account, *others = dict.fromkeys(found)
    service = _service(one, service, near, view, own, level, path)
    return replace(one, user=account, others=tuple(others), service=service)


def by_its_name(one: Catch) -> Catch:
    """Return what a name alone tells, as of a constant in a program that has no lines."""
    account = one.user or (accounts.in_the_name(one.key) if kind_of(one.key) is Kind.PASSWORD else "")
    return replace(one, user=account, service=services.spoken(one.service) or services.of_a_name(one.key))


def _scopes(one: Catch, family: str, view: View, kind: str) -> list[Scope]:
    """Return what may name the account, the nearest first: a line of a list is read whole."""
    if family in _LISTS:
        start, end = view.window(one.start + 1, multiline=False)
        line = view.text(start, end)
        return [Scope(start, line, line)]
    return scopes(view, one, markup=kind == place.MARKUP or family == _XML)


def _on_its_line(one: Catch, family: str, own: list[Scope], kind: str) -> tuple[int, list[str]]:
    """Return how many scopes were read until one named the account, and the accounts that it names."""
    for level, scope in enumerate(own, 1):
        at, past = one.start - scope.start, one.end - scope.start
        literal, lists = kind == place.CODE, family in _LISTS
        if found := accounts.on_the_line(scope.text, at, past, literal=literal, lists=lists):
            return level, found
    return len(own), []


def _around(view: View, one: Catch, own: Scope) -> tuple[str, int]:
    """Return what stands around a value without what is another's, and where the value is in it.

    The lines above and below count where nothing else stands on the value's own.
    """
    start, text = own.start, own.text
    above, below = view.text(max(0, one.start - NEAR), start), view.text(start + len(text), one.end + NEAR)
    above = "" if above.rpartition("\n")[2].strip() else above
    below = "" if below.partition("\n")[0].strip() else below
    first = max(0, one.start - NEAR - start)
    text = text[first : max(0, one.end + NEAR - start)]
    return above + text + below, len(above) + one.start - start - first


def _told_near(view: View, one: Catch, own: Scope) -> str:
    """Return what stands around a value, without it: `password = postgres` is nothing that PostgreSQL says."""
    text, at = _around(view, one, own)
    return text[:at] + "\0" + text[at + one.end - one.start :]


def _service(one: Catch, service: str, near: str, view: View, own: list[Scope], level: int, path: str) -> str:
    """Return where a credential lets in, the surest first: its pattern, its name, its line, its file, an address beside it.

    `near` is what stands around an account that is set next to it; `level` scopes were read to find the account.
    """
    told = services.spoken(service) or services.of_a_name(one.key)
    lines = [_clipped(one, s.start, s.text if n < level else s.bare) for n, s in enumerate(own)]
    if told == "database":  # a name or a call tells no more: an address beside it may
        texts = [*lines, _told_near(view, one, own[:BESIDE][-1])]
        return next(
            (said for text in texts if (said := services.of_a_driver(text, services.DATABASES))), told
        )
    return (
        told
        or _first(services.of_a_line, lines)
        or _first(services.of_a_driver, lines)
        or services.of_a_file(path)
        or _first(services.of_common_words, lines)
        or services.of_a_driver(near)
    )


def _first(tells: Callable[[str], str], texts: list[str]) -> str:
    return next(filter(None, map(tells, texts)), "")


def _clipped(one: Catch, start: int, text: str) -> str:
    """Return what of a line may tell the service, without the value."""
    at, past = one.start - start, one.end - start
    return text[max(0, at - _OF_A_LINE) : at] + "\0" + text[past : past + _OF_A_LINE]
