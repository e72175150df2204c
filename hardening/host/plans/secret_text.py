"""How a secret is written where a reference to it stands: in the quotes and escapes of the language there.

What cannot be written for certain is refused by name, never guessed: a secret that is cut short or ends a string is
worse than none. Secrets are printable ASCII.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

from bundle.detect.credentials.encodings import ENCODINGS
from hardening.errors import InputError

_SAFE = re.compile(r"[A-Za-z0-9_.+/=,-]+")
"""What means itself in every language, quoted or not."""
_PRINTABLE = re.compile(r"[ -~]+")
_SHELL = frozenset({"sh", "bash", "ksh"})
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}


def _escaping(marks: str, sign: str = "\\") -> Callable[[str], str]:
    """Return what puts the sign before each of the marks."""
    return lambda value: re.sub("[%s]" % re.escape(marks), lambda m: sign + m[0], value)  # noqa: UP031 - braces in sets


def _keeping(refused: str) -> Callable[[str], str | None]:
    """Return what leaves a value as it is, and refuses one with such a mark."""
    return lambda value: None if set(value) & set(refused) else value


def _json(value: str) -> str:
    return json.dumps(value)[1:-1]


_SINGLE: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(("php", "inc", "phtml", "py", "pl", "pm", "cgi", "rb"), _escaping("\\'")),
    **dict.fromkeys(_SHELL, lambda value: value.replace("'", "'\\''")),
    **dict.fromkeys(("ps1", "psm1"), lambda value: value.replace("'", "''")),
}
_DOUBLE: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(("php", "inc", "phtml"), _escaping('\\"$')),
    **dict.fromkeys(("py", "java", "cs", "c", "h", "cpp", "go"), _escaping('\\"')),
    "rb": _escaping('\\"#'),
    **dict.fromkeys(_SHELL, _escaping('\\"$`')),
    **dict.fromkeys(("ps1", "psm1"), _escaping('`"$', "`")),
}
_BARE: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(_SHELL, lambda value: re.sub(r"[^A-Za-z0-9_.+/=,:@%-]", lambda m: "\\" + m[0], value)),
    "pgpass": _escaping("\\:"),
    "properties": lambda value: re.sub(r"^ ", r"\\ ", value.replace("\\", "\\\\")),
}


def encoded(value: str, encoding: str) -> str:
    """Return the secret in the code that the program undoes before it uses it."""
    return ENCODINGS[encoding](value)


def kind_of(name: str, text: str) -> str:
    """Return the suffix by which a file's language is known: its own, or that of the program in its first line."""
    base = name.rsplit("/", 1)[-1].lower()
    suffix = base.rsplit(".", 1)[-1] if "." in base else ""
    first = text.split("\n", 1)[0]
    if first.startswith("#!") and suffix not in (_SINGLE.keys() | _DOUBLE.keys()):
        for program, kind in (("sh", "sh"), ("python", "py"), ("perl", "pl"), ("php", "php"), ("ruby", "rb")):
            if re.search(rf"\b(?:ba|da|k)?{program}[\d.]*\b", first):
                return kind
    return suffix


def written(value: str, syntax: str, kind: str, around: str) -> str | None:
    """Return the secret as it is written there; None where its characters cannot be.

    `syntax` as `harden-secrets/1` names it, `kind` a file's suffix, `around` the quote on both sides, if one.
    """
    ways: Mapping[str, Callable[[str], str | None]] = {
        "xml": lambda v: "".join(_ENTITIES.get(c, c) for c in v),
        "url": lambda v: quote(v, safe="") if kind not in ("bat", "cmd", "ini", "cfg") else None,
        "json": _json,
        "toml": {'"': _json, "'": _keeping("'")}.get(around, lambda _v: None),
        "yaml": {'"': _json, "'": lambda v: v.replace("'", "''")}.get(around, lambda _v: None),
        "sql": _sql(around) if kind == "sql" else lambda _v: None,
        "single-quoted": _SINGLE.get(kind, _keeping("\\'")),
        "double-quoted": _DOUBLE.get(kind, _keeping('\\"$`%#@')),
        "bare": _BARE.get(kind, lambda _v: None),
    }
    if syntax not in ways or not _PRINTABLE.fullmatch(value):
        return None
    # a URL decodes what it holds, so that even what means itself elsewhere is written as it asks
    return value if _SAFE.fullmatch(value) and syntax != "url" else ways[syntax](value)


def _sql(around: str) -> Callable[[str], str | None]:
    """Return how a literal is written between these quotes; a backslash means something else to each database."""
    if around not in ("'", '"'):
        return lambda _v: None
    return lambda v: None if "\\" in v else v.replace(around, around * 2)


def checked(secrets: Mapping[str, object], where: str) -> dict[str, str]:
    """Return the secrets of a store. Errors: InputError naming the one that is none, never its value."""
    found: dict[str, str] = {}
    for name, value in secrets.items():
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", str(name)):
            raise InputError(
                f"{where}: {name!r} is not a name of a secret", hint="small letters, digits, . _ -"
            )
        if isinstance(value, (bool, int, float)):
            raise InputError(
                f"{where}: the secret {name} is a number or a boolean, not a text", hint="quote it"
            )
        if not isinstance(value, str) or not _PRINTABLE.fullmatch(value):
            hint = "give a text of printable ASCII characters"
            raise InputError(f"{where}: the secret {name} is empty or not printable", hint=hint)
        if "@secret:" in value:
            raise InputError(f"{where}: the secret {name} is itself a placeholder", hint="give the value")
        found[str(name)] = value
    return found
