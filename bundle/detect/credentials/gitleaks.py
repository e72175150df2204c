"""Rule files in gitleaks' format (`[[rules]]` with id, regex, keywords, entropy, allowlists) as families."""

from __future__ import annotations

import re
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bundle.detect.credentials.families import Family, Net
from hardening.errors import DataError
from hardening.findings import Rule, Severity
from hardening.tables import Table

_POSIX = {"alnum": "A-Za-z0-9", "alpha": "A-Za-z", "digit": "0-9", "xdigit": "0-9A-Fa-f", "lower": "a-z", "upper": "A-Z",
          "space": r"\s", "word": r"\w", "punct": r"!-/:-@\[-`{-~"}  # fmt: skip
_REMEDY = "Revoke it where it is valid and issue a new one for each installation; removing it here does not make it invalid."


def is_gitleaks(path: Path) -> bool:
    """Whether a rule file has gitleaks' `[[rules]]`; a file that cannot be read is left to its reader."""
    try:
        return isinstance(tomllib.loads(path.read_text("utf-8")).get("rules"), list)
    except (OSError, ValueError):
        return False


def load_gitleaks(path: Path) -> tuple[Family, ...]:
    """Return one family for each rule that has a regex. Errors: InputError, DataError naming file and rule."""
    Table.load(path)  # one clear line where it cannot be read
    found = tomllib.loads(path.read_text("utf-8"))
    shared = tuple(_allowed(path, "allowlist", found))
    return tuple(_family(path, row, shared) for row in found.get("rules", []) if row.get("regex"))


def _family(path: Path, row: Mapping[str, Any], shared: tuple[re.Pattern[str], ...]) -> Family:
    name = str(row.get("id", ""))
    where = f"{path}: rules[{name!r}]"
    if not re.fullmatch(r"[\w.-]{1,80}", name):
        raise DataError(f"{where}.id: has to be a word", hint="letters, digits, dots and dashes")
    text = pattern(str(row["regex"]))
    regex = _compiled(f"{where}.regex", _marked(text, int(row.get("secretGroup", 0))))
    words = [str(word) for word in row.get("keywords", [])]
    net = Net(
        regex=regex,
        gate="(?i)(" + "|".join(re.escape(word) for word in words) + ")" if words else r"[^\n]{8}",
        styles=frozenset(),
        files=None,
        evidence="place",
        multiline=False,
        check="own",
        entropy=float(row.get("entropy", 0)),
        allowed=(*shared, *_allowed(path, name, row)),
    )
    rule = Rule(
        id=f"credential/own-{name}",
        title=str(row.get("description") or name),
        severity=Severity.HIGH,
        rationale="A rule file given with --rules says that this must not be in a bundle.",
        remedy=_REMEDY,
    )
    return Family(rule=rule, nets=(net,), sinks=(), examples=())


def _allowed(path: Path, name: str, row: Mapping[str, Any]) -> Iterator[re.Pattern[str]]:
    lists = [row.get("allowlist"), *(row.get("allowlists") or [])]
    for one in (x for x in lists if isinstance(x, dict)):
        for text in one.get("regexes", []):
            yield _compiled(f"{path}: {name}.allowlist.regexes", pattern(str(text)))
        for word in one.get("stopwords", []):
            yield re.compile(re.escape(str(word)), re.IGNORECASE)


def _compiled(where: str, text: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():  # of sets that Python may come to read otherwise, and Go never does
            warnings.simplefilter("ignore", FutureWarning)
            return re.compile(text, re.MULTILINE)
    except (re.error, OverflowError) as problem:
        raise DataError(
            f"{where}: not a regular expression: {problem}", hint="Go's syntax is understood"
        ) from problem


def pattern(text: str) -> str:
    r"""Return a pattern of Go's syntax in Python's: flags in the middle, POSIX classes, `\\z`."""
    text = re.sub(r"\[:(\w+):\]", lambda m: _POSIX.get(m[1], m[0]), text).replace(r"\z", r"\Z")
    text = re.sub(r"\\x\{([0-9a-fA-F]+)\}", lambda m: f"\\U{int(m[1], 16):08x}", text)
    out, closing, depth, at = "", [0], 0, 0
    while at < len(text):
        if flags := re.match(r"\(\?([ims]+)\)", text[at:]):
            out += f"(?{flags[1]}:"  # holds to the end of the group it stands in
            closing[depth] += 1
            at += flags.end()
            continue
        piece = text[at : at + 2] if text[at] == "\\" else text[at]
        if piece == "[":
            end = _class_end(text, at)
            piece = "[" + text[at + 1 : end].replace("[", r"\[") + "]"
            at = end
        elif piece == "(":
            depth += 1
            closing.append(0)
        elif piece == ")" and depth:
            piece = ")" * (closing.pop() + 1)
            depth -= 1
            at += 1
            out += piece
            continue
        out += piece
        at += 1 if piece.startswith("[") and len(piece) > 1 else len(piece)
    return out + ")" * closing[0]


def _class_end(text: str, at: int) -> int:
    end = at + 1
    if text[end : end + 1] == "^":
        end += 1
    if text[end : end + 1] == "]":
        end += 1
    while end < len(text) and text[end] != "]":
        end += 2 if text[end] == "\\" else 1
    return end


def _marked(text: str, number: int) -> str:
    """Return the pattern with the group named `secret` that is the secret: the one asked for, the first, or all."""
    wanted, seen, at = number or 1, 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == "[":
            at = _class_end(text, at) + 1
        elif text[at] == "(" and (text[at + 1 : at + 2] != "?" or text[at + 1 : at + 3] == "?P"):
            seen += 1
            if seen == wanted:
                named = re.match(r"\(\?P<\w+>", text[at:])
                return text[:at] + "(?P<secret>" + text[at + (named.end() if named else 1) :]
            at += 1
        else:
            at += 1
    return f"(?P<secret>{text})"
