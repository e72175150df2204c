"""The references of a cleaned bundle filled in on a host, and the host's secret store, as one plan.

The list is what `harden bundle clean --secrets FILE` wrote (`harden-secrets/1`). A secret that is new in the vault
replaces the one that was filled in before.
"""

from __future__ import annotations

import base64
import glob
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from bundle.detect.credentials.encodings import ENCODINGS
from bundle.detect.credentials.texts.replacing import REFERENCE
from bundle.detect.credentials.texts.textview import codec
from hardening.errors import InputError, UsageError
from hardening.host.plans.plan import File, Plan, Service
from hardening.host.plans.secret_text import checked, encoded, kind_of, written

SCHEMA = "harden-secrets/1"
STORE_SCHEMA = "harden-store/1"
_REFERENCE = re.compile(REFERENCE.pattern.decode())
STORE = "/etc/aspect-hardening/secrets.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSite:
    """Place of a part of the bundle on the host."""

    bundle: str
    """A path in the bundle, or how it begins; the longest that fits counts."""
    path: str = ""
    """What stands for it on the host; empty: the product does not install it."""
    group: str = ""
    """The group that reads the file, once others must not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPlace:
    """One place of a reference on the host."""

    name: str
    path: str
    line: int | None
    syntax: str
    group: str
    encoding: str = ""
    """The code in which the program expects the secret there, by its name in `ENCODINGS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The new password of an account, the one it had where that is known, and when (RFC 3339)."""

    new: str
    earlier: str
    moment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The host's secret store: the secrets, the password each rotated account had before, and since when it has not."""

    secrets: Mapping[str, str] = field(default_factory=dict)
    earlier: Mapping[str, str] = field(default_factory=dict)
    rotated: Mapping[str, str] = field(default_factory=dict)

    def rotating(self, vault: Mapping[str, str], rotations: Mapping[str, Rotation]) -> Store:
        """Return the store with what the vault says and with new passwords."""
        known = {name: one.earlier for name, one in rotations.items() if one.earlier}
        return Store(
            secrets={**self.secrets, **vault, **{name: one.new for name, one in rotations.items()}},
            earlier={name: value for name, value in self.earlier.items() if name not in rotations} | known,
            rotated={**self.rotated, **{name: one.moment for name, one in rotations.items()}},
        )

    def earlier_of(self, rotations: Mapping[str, Rotation]) -> dict[str, str]:
        """Return what the rotated accounts had before."""
        return {name: value for name, value in self.earlier.items() if name in rotations}

    def to_json(self) -> dict[str, Any]:
        """Return the form that lies on the host."""
        row: dict[str, Any] = {"schema": STORE_SCHEMA, "secrets": dict(self.secrets)}
        for name in ("earlier", "rotated"):
            if getattr(self, name):
                row[name] = dict(getattr(self, name))
        return row


def places(listed: Any, where: Iterable[SecretSite]) -> list[SecretPlace]:
    """Return where the references lie on the host. Errors: InputError for a list that is none or lies nowhere."""
    by_length = sorted(where, key=lambda w: -len(w.bundle))
    found = []
    try:
        if listed["schema"] != SCHEMA:
            raise InputError(
                f"the list of placeholders is not {SCHEMA}",
                hint="harden bundle clean --secrets FILE writes it",
            )
        for row in listed["secrets"]:
            for at in row["places"]:
                path = str(at["path"])
                hit = next((w for w in by_length if path.startswith(w.bundle)), None)
                if hit is None:
                    raise InputError(
                        f"the place of {path} on the host is unknown", hint="add it to credentials_places"
                    )
                if ".." in path.split("/"):
                    raise InputError(
                        f"{path} leads outside its folder",
                        hint="use the list of a bundle you trust",
                    )
                if hit.path:
                    whole = hit.path + path[len(hit.bundle) :]
                    found.append(
                        SecretPlace(
                            name=row["name"],
                            path=whole,
                            line=at["line"],
                            syntax=at["syntax"],
                            group=hit.group,
                            encoding=_known(str(at.get("encoding", "")), path),
                        )
                    )
    except (KeyError, TypeError) as problem:
        raise InputError(
            f"the list of placeholders is damaged: {problem}", hint="write it again"
        ) from problem
    return found


def _known(encoding: str, path: str) -> str:
    if encoding not in ENCODINGS:
        raise InputError(
            f"{path}: unknown encoding {encoding!r} in the list of placeholders",
            hint=f"known: {', '.join(filter(None, ENCODINGS))}; use the harden that wrote the list",
        )
    return encoding


def wishes(at: Iterable[SecretPlace], store: str = STORE) -> dict[str, Any]:
    """Return what has to be asked of the host (verb `facts`) before planning."""
    return {"read": [glob.escape(path) for path in sorted({one.path for one in at} | {store})]}


def plan(
    at: Iterable[SecretPlace],
    vault: Mapping[str, Any],
    facts: Mapping[str, Any],
    *,
    store: str = STORE,
    services: tuple[Service, ...] = (),
    probes: tuple[Mapping[str, Any], ...] = (),
    rotations: Mapping[str, Rotation] = MappingProxyType({}),
) -> Plan:
    """Return the plan. Errors: InputError naming the place that cannot be filled in, never the secret."""
    rows = {row["path"]: row for row in facts.get("files", [])}
    had = stored(facts, store)
    has = had.rotating(checked(vault, "the vault"), rotations)
    before, after = {**has.earlier_of(rotations), **had.secrets}, has.secrets
    files = []
    if has != had or (store in rows and rows[store]["mode"] != "0600"):
        body = json.dumps(has.to_json(), indent=1, sort_keys=True) + "\n"
        digest = rows[store]["sha256"] if store in rows else None
        files.append(
            File(
                path=store, content=body.encode(), mode="0600", secret=True, mkdir=True, expect_sha256=digest
            )
        )
    by_path: dict[str, list[SecretPlace]] = {}
    for one in at:
        by_path.setdefault(one.path, []).append(one)
    for path, here in sorted(by_path.items()):
        if path not in rows:
            raise InputError(
                f"{path} is not on the host as a plain file of at most 1 MiB",
                hint="name its real place in credentials_places, or an empty path where the product does not install it",
            )
        made = _filled(path, base64.b64decode(rows[path]["content"]), here, before, after)
        if made is not None:
            files.append(_file(path, made, rows[path], here[0].group))
    return Plan(label="credentials", files=tuple(files), services=services, probes=probes)


def stored(facts: Mapping[str, Any], store: str = STORE) -> Store:
    """Return the host's store as `facts` brought it; an empty one where there is none. Errors: InputError."""
    row = next((row for row in facts.get("files", []) if row["path"] == store), None)
    if row is None:
        return Store()
    try:
        body = json.loads(base64.b64decode(row["content"]))
        if body["schema"] != STORE_SCHEMA:
            raise InputError(f"{store} on the host is not {STORE_SCHEMA}", hint="move it away, or repair it")
        return Store(
            secrets=checked(body["secrets"], store),
            earlier=checked(body.get("earlier", {}), store),
            rotated={str(name): str(moment) for name, moment in body.get("rotated", {}).items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        # the cause would show the text that could not be read
        raise InputError(f"{store} on the host is damaged", hint="move it away, or repair it") from None


def _file(path: str, content: bytes, row: Mapping[str, Any], group: str) -> File:
    """Return the file with its secret: others lose it, the group named for it gets it."""
    mode = int(row["mode"], 8)
    if mode & 0o007 and not group:
        hint = "name the group that has to read it in credentials_places (group: apache)"
        raise InputError(f"{path} would hold a secret and every account can read it", hint=hint)
    shut = f"{(mode & 0o7770) | 0o040:04o}" if mode & 0o007 else None
    return File(
        path=path, content=content, mode=shut, group=group or None, secret=True, expect_sha256=row["sha256"]
    )


def _filled(
    path: str, content: bytes, here: list[SecretPlace], before: Mapping[str, str], after: Mapping[str, str]
) -> bytes | None:
    """Return the file with every reference filled in and every older secret replaced; None: as it is."""
    mark, coding = codec(content)
    coding = coding or "latin-1"  # one character for each byte, whatever it means
    try:
        text = content[len(mark) :].decode(coding)
    except UnicodeDecodeError:
        raise InputError(f"{path} is not in one encoding throughout", hint="look at the file") from None
    kind, lines = kind_of(path, text), text.split("\n")
    for number, line in enumerate(lines, 1):
        lines[number - 1] = _line(path, number, line, kind, here, after)
    for one in here:
        old, new = before.get(one.name), after.get(one.name)
        if one.line and one.line <= len(lines) and old and new and old != new:
            lines[one.line - 1] = _changed(one, lines[one.line - 1], kind, old, new)
    made = mark + "\n".join(lines).encode(coding)
    return None if made == content else made


def _line(
    path: str, number: int, line: str, kind: str, here: list[SecretPlace], after: Mapping[str, str]
) -> str:
    def fill(found: re.Match[str]) -> str:
        name, spot = found[0][8:-1], f"{path}:{number}"
        known = [one for one in here if one.name == name]
        fitting = [one for one in known if one.line == number] or known
        syntaxes = {(one.syntax, one.encoding) for one in fitting}
        if not known:
            raise InputError(
                f"{spot}: the list does not name {found[0]} there", hint="use the list of this bundle"
            )
        if name not in after:
            raise InputError(
                f"{spot}: no secret {name} in the vault or on the host",
                hint=f"add {name} to credentials_secrets",
            )
        if len(syntaxes) > 1:
            raise InputError(
                f"{spot}: {found[0]} moved, and two syntaxes are possible there",
                hint="fill this one in by hand",
            )
        syntax, encoding = syntaxes.pop()
        value = encoded(after[name], encoding)
        return _new(spot, name, value, syntax, kind, _around(line, *found.span()))

    return _REFERENCE.sub(fill, line)


def _around(line: str, start: int, end: int) -> str:
    """Return the quote that a piece of a line stands directly between, or an empty text."""
    left, right = line[start - 1 : start], line[end : end + 1]
    return left if left == right and left in ("'", '"') else ""


def _new(spot: str, name: str, value: str, syntax: str, kind: str, around: str) -> str:
    made = written(value, syntax, kind, around)
    if made is None:
        hint = "letters, digits and . _ + / = , - can be written everywhere"
        raise InputError(
            f"{spot}: the secret {name} holds characters that cannot be written there ({syntax})", hint=hint
        )
    return made


def _changed(one: SecretPlace, line: str, kind: str, old: str, new: str) -> str:
    """Return the line with the older secret replaced. Errors: InputError where it is not there exactly once."""
    spot = f"{one.path}:{one.line}"
    old, new = encoded(old, one.encoding), encoded(new, one.encoding)
    for around in ("'", '"', ""):
        was = written(old, one.syntax, kind, around)
        if was is not None and line.count(around + was + around) == 1:
            start = line.index(around + was + around) + len(around)
            end = start + len(was)
            if _around(line, start, end) == around:
                return line[:start] + _new(spot, one.name, new, one.syntax, kind, around) + line[end:]
    if not any(
        (made := written(new, one.syntax, kind, around)) and made in line for around in ("'", '"', "")
    ):
        hint = "write the new secret there yourself, then run the command again"
        raise InputError(f"{spot}: the earlier secret {one.name} is not there exactly once", hint=hint)
    return line


def where_of(rows: Iterable[Mapping[str, Any]]) -> list[SecretSite]:
    """Read `credentials_places`. Errors: UsageError naming the key."""
    found = []
    for row in rows:
        for key in row:
            if key not in SecretSite.__dataclass_fields__:
                raise UsageError(
                    f"credentials_places: unknown key {key!r}", hint="known: bundle, path, group"
                )
        if "bundle" not in row or (row.get("path") and not str(row["path"]).startswith("/")):
            raise UsageError(
                "credentials_places: bundle and an absolute path are needed", hint="path may be empty"
            )
        found.append(SecretSite(**{key: str(value or "") for key, value in row.items()}))
    return found
