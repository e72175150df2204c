"""Which values of a settings file may be printed: those whose form is known and cannot be a secret's.

People paste a secret under a wrong key. So a value is printed only if it is an id, an address, a host, a word that the
settings know, or the path of a file; every other one is masked in whatever is printed (`hardening.mailer.secret`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hardening.mailer.secret import Secret

NOT_SHOWN = "(not shown: it may be a secret)"
GUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z")
DOMAIN = re.compile(
    r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]\Z", re.IGNORECASE
)
ADDRESS = re.compile(r"(?=[!-~]+\Z)[^@\s<>,;:\"()\[\]\\]{1,64}@[^@\s<>,;]{1,255}\Z")
SERVER_VERSION = re.compile(r"EXCHANGE_20(07_SP1|10(_SP[12])?|13(_SP1)?|16)\Z")
_WORDS = frozenset((
    "graph", "smtp", "ews", "public", "gcc-high", "dod", "21vianet", "auto", "rbac", "entra", "python", "openssl", "curl",
))  # fmt: skip
_UNPRINTED = ("alarm_command", "priority")
"""Keys whose values nothing here prints, and whose words are anybody's."""
_SUFFIXES = (".secret", ".txt", ".key", ".pem", ".crt", ".cer", ".der", ".json", ".log", ".alarm", ".toml")
_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:]+\]|[^:\[\]]+)(:\d{1,5})?\Z")
_SHORTEST = 12  # characters of a secret that a portal makes
_KEY = re.compile(r"[a-z_]{1,40}\Z|.{1,7}\Z", re.IGNORECASE)
_NAMES = re.compile(r"[A-Za-z]+([-_./][A-Za-z]+)*\Z")
_LONGEST = 200  # characters of a file's path
_WORD = 6  # characters: shorter ones are words that other texts hold
_OID = re.compile(r"\.?\d+(\.\d+)+\Z")
_PLAIN = re.compile(r"[A-Za-z]+\d{0,4}\Z")
"""Words with a number behind them."""


def looks_secret(text: str) -> bool:
    """Tell whether a text has the form of a generated secret: letters and digits mixed without a word in them."""
    if GUID.match(text) or ADDRESS.match(text) or any(char.isspace() for char in text):
        return False
    signs = all(re.search(kind, text) for kind in (r"[~!#$%^&*+=]", "[0-9]", "[A-Za-z]"))
    if signs and len(text) >= _SHORTEST:
        return True
    return any(_random(part) for part in re.split(r"[-_./:@]", text))


def _random(part: str) -> bool:
    """Tell whether letters and digits are mixed as in a random text or a long hexadecimal number."""
    kinds = [bool(re.search(kind, part)) for kind in ("[a-z]", "[A-Z]", "[0-9]")]
    mixed = len(part) >= 8 and all(kinds) and not _PLAIN.match(part)  # noqa: PLR2004 - shorter ones are names of hosts
    digits = len(re.findall("[0-9]", part))
    long = len(part) >= 20 and min(digits, len(part) - digits) >= 4  # noqa: PLR2004 - digits among so many letters
    return mixed or long


def shown(path: Path) -> str:
    """Return a path as it may be printed: of a file that is there, or named as files are."""
    return str(path) if _is_path(path) else NOT_SHOWN


def _is_path(path: Path) -> bool:
    """Tell whether a file is there, or what is missing of its path is named as files are."""
    missing: list[str] = []
    while not _exists(path):
        missing.append(path.name)
        path = path.parent
    return not missing or (Path(missing[0]).suffix in _SUFFIXES and not any(map(looks_secret, missing)))


def _exists(path: Path) -> bool:
    try:
        return path.exists() or path == path.parent
    except (OSError, ValueError):  # no name of a file, or not allowed to look
        return path == path.parent


def is_path(value: str, folder: Path) -> bool:
    """Tell whether a value can be taken for a path and printed: a whole one, one that is there, or words alone."""
    whole = value.startswith("/") and not looks_secret(value)
    return whole or _NAMES.match(value) is not None or _is_path(folder / value)


def hidden(document: Mapping[str, Any], folder: Path) -> Iterator[Secret]:
    """Yield every string of the document that must not be printed."""
    for key, value in _leaves(document):
        if key == "secret" or (key not in _UNPRINTED and not _printable(value.strip(), folder)):
            yield Secret(value)
            for part in (value.strip(), *_parts(value)):
                yield Secret(part)


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield (last key, string) of everything below, keys that look like a secret among it."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, below in value.items():
            if looks_secret(name) or not _KEY.match(name):
                yield "", name
            yield from _leaves(below, name)
    elif isinstance(value, list):
        for below in value:
            yield from _leaves(below, key)


def _parts(value: str) -> Iterator[str]:
    """Yield the parts of a URL or of host:port that are printed alone."""
    try:
        parts = urlsplit(value if "//" in value else f"//{value}")
    except ValueError:
        return
    host = parts.netloc.rpartition("@")[2]
    for one in (parts.username, parts.password, parts.hostname, host, _HOST.sub(r"\g<name>", host)):
        if one and len(one) >= _WORD:
            yield one


def _printable(value: str, folder: Path) -> bool:
    """Tell whether it is a word, an id, an address, a host, a URL of a host alone, or a path."""
    word = value.lower() in _WORDS or (value.isalpha() and len(value) < _SHORTEST)
    if word or GUID.match(value) or SERVER_VERSION.match(value) or _OID.match(value):
        return True
    if ADDRESS.match(value):
        return not looks_secret(value.rpartition("@")[2])
    host = re.sub(r"(?:https?://|@)(.*?)/?\Z", r"\1", value)
    whole = value.startswith("/") and not looks_secret(value)
    return whole or _is_host(host) or (len(value) < _LONGEST and _is_path(folder / value))


def _is_host(value: str) -> bool:
    """Tell whether it is an address, localhost or a name with a dot, with or without a port, and no random text."""
    found = _HOST.match(value)
    name = found["name"].strip("[]") if found else ""
    if name.lower() == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(DOMAIN.match(name)) and not looks_secret(name)
    return True
