"""Whose a credential is, by all that its place tells."""

from __future__ import annotations

from dataclasses import replace

from bundle.detect.credentials.judging.keyword import Kind, kind_of
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.texts.textview import View
from bundle.detect.credentials.whose import accounts, commands, services
from bundle.detect.credentials.whose.beside import NEAR, beside, headed

_COMMAND, _TOKEN = "credential/command-line", "credential/service-token"
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
    service, near = one.service, ""
    if family == _COMMAND:
        text, at = commands.command(view, one)
        account = account or commands.of_its_options(text, at)
        service = service or commands.of_its_program(text)
    if not account and (family not in _SETTINGS or kind_of(one.key) is not Kind.TOKEN):
        account = _on_its_line(one, family, view, kind)
        if not account and family in _SETTINGS:
            account = beside(view, one, kind)
            near = _around(view, one) if account else ""
        account = (
            account or (headed(view, one) if kind != place.CODE else "") or accounts.in_the_name(one.key)
        )
    return replace(one, user=account, service=_service(one, service, near, view, path))


def by_its_name(one: Catch) -> Catch:
    """Return what a name alone tells, as of a constant in a program that has no lines."""
    account = one.user or (accounts.in_the_name(one.key) if kind_of(one.key) is Kind.PASSWORD else "")
    return replace(one, user=account, service=services.spoken(one.service) or services.of_a_name(one.key))


def _on_its_line(one: Catch, family: str, view: View, kind: str) -> str:
    start, end = view.window(one.start + 1, multiline=False)
    return accounts.on_the_line(
        view.text(start, end),
        one.start - start,
        one.end - start,
        literal=kind == place.CODE,
        lists=family in _LISTS,
    )


def _around(view: View, one: Catch) -> str:
    """Return what stands around a value, without it: `password = postgres` is nothing that PostgreSQL says."""
    return view.text(max(0, one.start - NEAR), one.start) + "\0" + view.text(one.end, one.end + NEAR)


def _service(one: Catch, service: str, near: str, view: View, path: str) -> str:
    """Return where a credential lets in, the surest first: its pattern, its name, its line, its file, an address beside it.

    `near` is what stands around an account that is set next to it.
    """
    start, end = view.window(one.start + 1, multiline=False)
    start, end = max(start, one.start - _OF_A_LINE), min(end, one.end + _OF_A_LINE)
    line = view.text(start, one.start) + "\0" + view.text(one.end, end)
    told = services.spoken(service) or services.of_a_name(one.key)
    if told == "database":  # a name or a call tells no more: an address beside it may
        among = services.DATABASES
        return services.of_a_driver(line, among) or services.of_a_driver(_around(view, one), among) or told
    return (
        told
        or services.of_a_line(line)
        or services.of_a_driver(line)
        or services.of_a_file(path)
        or services.of_common_words(line)
        or services.of_a_driver(near)
    )
