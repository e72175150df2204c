"""Local database accounts whose password leaked: which are due, their new passwords, and the commands that change them.

The statements run on the host (`hardening.onhost.accounts`); what is planned here is which accounts, with what, and what is kept.
"""

from __future__ import annotations

import json
import re
import secrets
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from hardening.errors import InputError, UsageError
from hardening.host.plans.plan import Command, File, Plan
from hardening.numerals import whole
from hardening.onhost.accounts.account import HOST, USER
from hardening.onhost.accounts.main import ENGINES
from hardening.packing import zipped

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LETTERS = string.ascii_letters + string.digits
_LENGTH = 32
_UNDO = 'test ! -e "$0" || exec "$1" "$0" restore "$2" "$3"'
"""Nothing where the command never began; the words are given as arguments and are no secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """One account of a database on the host itself."""

    name: str
    """Of its secret in the host's store."""
    engine: str
    user: str
    host: str = "localhost"
    """The host part of an account of MySQL and MariaDB."""
    socket: str = ""
    port: int | None = None
    defaults_file: str = ""
    """A client's option file on the host that holds the administrator's login."""
    admin: str = ""
    since: str = ""
    """The password counts as leaked until this day: it is changed where it was last changed before."""


def accounts(rows: Iterable[Mapping[str, Any]]) -> list[AccountChange]:
    """Read `credentials_accounts`. Errors: UsageError naming the key."""
    found = []
    for row in rows:
        for key in row:
            if key not in AccountChange.__dataclass_fields__:
                hint = "known: " + ", ".join(sorted(AccountChange.__dataclass_fields__))
                raise UsageError(f"credentials_accounts: unknown key {key!r}", hint=hint)
        try:
            one = AccountChange(**{key: _text(key, value) for key, value in row.items()})
        except TypeError as problem:
            hint = "an account needs name, engine and user"
            raise UsageError("credentials_accounts: a key is missing", hint=hint) from problem
        _judge(one)
        found.append(one)
    doubled = {one.name for one in found if sum(other.name == one.name for other in found) > 1}
    if doubled:
        raise UsageError(
            f"credentials_accounts: {min(doubled)} occurs twice", hint="one entry for each secret"
        )
    return found


def _text(key: str, value: object) -> Any:
    if key == "port":
        return whole(str(value))
    return value.isoformat() if isinstance(value, date) else str(value or "")


def _judge(one: AccountChange) -> None:
    choice = ", ".join(sorted(ENGINES))
    for good, what, hint in (
        (_NAME.fullmatch(one.name), "name", "small letters, digits, . _ -: the secret's name in the list"),
        (one.engine in ENGINES, "engine", f"one of {choice}"),
        (USER.match(one.user), "user", "letters, digits and . _ $ -"),
        (HOST.match(one.host), "host", "letters, digits and . _ % : / -"),
        (not one.since or _day(one.since), "since", "a day such as 2026-11-24"),
    ):
        if not good:
            raise UsageError(
                f"credentials_accounts: {one.name or 'an account'} has an invalid {what}", hint=hint
            )


def _day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def due(every: Iterable[AccountChange], rotated: Mapping[str, str]) -> list[AccountChange]:
    """Return the accounts that were never rotated, or not since the day their password leaked."""
    return [one for one in every if not rotated.get(one.name) or rotated[one.name][:10] < one.since]


def fresh() -> str:
    """Return a new password: 190 bits in letters, digits and a dash, which every language can hold."""
    while True:
        made = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        if all(
            any(c in kind for c in made)
            for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits)
        ):
            return made[: _LENGTH // 2] + "-" + made[_LENGTH // 2 :]


def plan(
    every: Sequence[AccountChange], store: str, facts: Mapping[str, Any], state: str, moment: datetime
) -> Plan:
    """Return the part of a plan that changes these accounts, after the store has their new passwords.

    Errors: InputError where the host cannot run it.
    """
    if not every:
        return Plan()
    if facts.get("uid") not in (0, None) and any(not one.defaults_file for one in every):
        hint = "use become, or name a defaults_file"
        raise InputError(
            "the agent is not root, so it cannot log in as the administrator of the database", hint=hint
        )
    ident = moment.strftime("%Y%m%dT%H%M%SZ-") + secrets.token_hex(4)
    rows = [
        {
            key: getattr(one, key)
            for key in AccountChange.__dataclass_fields__
            if key != "since" and getattr(one, key)
        }
        for one in every
    ]
    job = {"id": ident, "store": store, "accounts": rows}
    python, home = str(facts["executable"]), f"{state}/rotations/{ident}"
    files = (
        File(
            path="@state/accounts.pyz",
            content=zipped("hardening.onhost.accounts.main"),
            mode="0700",
            mkdir=True,
        ),
        File(
            path="@state/accounts.json",
            content=json.dumps(job, indent=1, sort_keys=True).encode() + b"\n",
            mode="0600",
        ),
    )
    commands = tuple(
        Command(
            name=f"rotate the {one.engine} account {one.user}@{one.host} ({one.name})",
            do=(python, f"{state}/accounts.pyz", "rotate", f"{state}/accounts.json", one.name),
            undo=("/bin/sh", "-c", _UNDO, f"{home}/accounts.pyz", python, f"{home}/job.json", one.name),
        )
        for one in every
    )
    return Plan(label="rotation", files=files, commands=commands)
