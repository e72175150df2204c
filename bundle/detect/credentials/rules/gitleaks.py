"""Rule files in gitleaks' format (`[[rules]]` with id, regex, path, keywords, entropy, allow-lists; `[extend]`) as families."""

from __future__ import annotations

import re
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bundle.detect.credentials.rules.allowance import TARGETS, Allowance
from bundle.detect.credentials.rules.families import Family, Net
from hardening import inputs
from hardening.errors import DataError
from hardening.findings import Rule, Severity
from hardening.toml_rows import LARGEST, Table

_POSIX = {"alnum": "A-Za-z0-9", "alpha": "A-Za-z", "digit": "0-9", "xdigit": "0-9A-Fa-f", "lower": "a-z", "upper": "A-Z",
          "space": r"\s", "word": r"\w", "punct": r"!-/:-@\[-`{-~"}  # fmt: skip
_REMEDY = "Revoke it where it is valid and issue a new one for each installation; removing it here does not make it invalid."


def is_gitleaks(path: Path) -> bool:
    """Whether a rule file has gitleaks' `[[rules]]` or extends one that has; a file that cannot be read is left to its reader."""
    try:
        found = tomllib.loads(inputs.read(path, LARGEST).decode())
        return isinstance(found.get("rules"), list) or isinstance(found.get("extend"), dict)
    except (OSError, ValueError):
        return False


def load_gitleaks(path: Path) -> tuple[Family, ...]:
    """Return one family for each rule. Errors: InputError, DataError naming file and rule."""
    return _load(path, depth=0)


_DEEPEST = 2
"""Files that may extend one another, as gitleaks has it."""


def _load(path: Path, depth: int) -> tuple[Family, ...]:
    Table.load(path)  # one clear line where it cannot be read
    found = tomllib.loads(path.read_text("utf-8"))
    shared, aimed = _for_all(path, found)
    extend = found.get("extend")
    extend = extend if isinstance(extend, dict) else {}
    rows = [row for row in _tables(found, "rules") if _asks(path, row, extending=bool(extend))]
    own = [_family(path, row, shared, aimed) for row in rows]
    known = {family.rule.id for family in own}
    for name in aimed:
        if f"credential/own-{name}" not in known:
            raise DataError(
                f"{path}: allowlists: there is no rule {name!r}", hint="targetRules names rules of this file"
            )
    other = str(extend.get("path") or "")
    if other and depth < _DEEPEST:
        less = {
            f"credential/own-{name}" for name in _texts(f"{path}: extend", extend, "disabledRules")
        } | known
        own += [one for one in _load(path.parent / other, depth + 1) if one.rule.id not in less]
    return tuple(own)


def _asks(path: Path, row: Mapping[str, Any], *, extending: bool) -> bool:
    """Whether a rule says what it looks for; one that does not may change an extended rule, and else is a mistake."""
    if row.get("regex") or row.get("path"):
        return True
    if not extending:
        raise DataError(
            f"{path}: rules[{str(row.get('id', ''))!r}]: has neither regex nor path",
            hint="it would find nothing",
        )
    return False


def _texts(where: str, row: Mapping[str, Any], key: str) -> list[str]:
    found = row.get(key) or []
    if not isinstance(found, list):
        raise DataError(f"{where}.{key}: has to be a list, not {found!r}", hint='["one", "another"]')
    return [str(one) for one in found]


def _for_all(
    path: Path, found: Mapping[str, Any]
) -> tuple[tuple[Allowance, ...], dict[str, tuple[Allowance, ...]]]:
    """Return the allow-lists of all rules, and those of some by the name of each."""
    shared: list[Allowance] = []
    aimed: dict[str, tuple[Allowance, ...]] = {}
    for row, one in _allowances(path, "allowlist", found):
        names = _texts(f"{path}: allowlist", row, "targetRules")
        if not names:
            shared.append(one)
        for name in names:
            aimed[name] = (*aimed.get(name, ()), one)
    return tuple(shared), aimed


def _family(
    path: Path,
    row: Mapping[str, Any],
    shared: tuple[Allowance, ...],
    aimed: Mapping[str, tuple[Allowance, ...]],
) -> Family:
    name = str(row.get("id", ""))
    where = f"{path}: rules[{name!r}]"
    if not re.fullmatch(r"[\w.-]{1,80}", name):
        raise DataError(f"{where}.id: has to be a word", hint="letters, digits, dots and dashes")
    allowed = (*shared, *aimed.get(name, ()), *(one for _, one in _allowances(path, name, row)))
    named = _compiled(f"{where}.path", pattern(str(row["path"]))) if row.get("path") else None
    rule = Rule(
        id=f"credential/own-{name}",
        title=str(row.get("description") or name),
        severity=Severity.HIGH,
        rationale="A rule file given with --rules says that this must not be in a bundle.",
        remedy=_REMEDY,
    )
    if not row.get("regex"):
        return Family(rule=rule, nets=(), sinks=(), examples=(), path=named, allowed=allowed)
    text = pattern(str(row["regex"]))
    words = _texts(where, row, "keywords")
    group, entropy = row.get("secretGroup", 0), row.get("entropy", 0)
    most = _compiled(f"{where}.regex", text).groups
    if not isinstance(group, int) or not 0 <= group <= most:
        raise DataError(f"{where}.secretGroup: {group!r} is not a group of its regex", hint=f"it has {most}")
    if not isinstance(entropy, int | float):
        raise DataError(f"{where}.entropy: has to be a number, not {entropy!r}", hint="3.5")
    net = Net(
        id=f"own/{name}",
        regex=_compiled(f"{where}.regex", _marked(text, group)),
        gate="(?i)(" + "|".join(re.escape(word) for word in words) + ")" if words else r"[^\n]{8}",
        styles=frozenset(),
        files=None,
        evidence="place",
        multiline=False,
        check="own",
        entropy=float(entropy),
        allowed=allowed,
        path=named,
    )
    return Family(rule=rule, nets=(net,), sinks=(), examples=())


def _tables(row: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [one for one in row.get(name) or [] if isinstance(one, dict)]


def _allowances(
    path: Path, name: str, row: Mapping[str, Any]
) -> Iterator[tuple[Mapping[str, Any], Allowance]]:
    """Yield the allow-lists of a rule or of all, each with its table."""
    where = f"{path}: {name}.allowlist"
    alone = row.get("allowlist")
    for one in (*([alone] if isinstance(alone, dict) else []), *_tables(row, "allowlists")):
        target, condition = str(one.get("regexTarget") or "secret"), str(one.get("condition") or "OR").upper()
        if target not in TARGETS:
            raise DataError(
                f"{where}.regexTarget: {target!r} is not one of {', '.join(TARGETS)}",
                hint="secret is the default",
            )
        if condition not in _EVERY:
            raise DataError(
                f"{where}.condition: {condition!r} is neither OR nor AND", hint="OR is the default"
            )
        yield (
            one,
            Allowance(
                paths=tuple(
                    _compiled(f"{where}.paths", pattern(text)) for text in _texts(where, one, "paths")
                ),
                regexes=tuple(
                    _compiled(f"{where}.regexes", pattern(text)) for text in _texts(where, one, "regexes")
                ),
                target=target,
                stopwords=tuple(word.lower() for word in _texts(where, one, "stopwords")),
                commits=bool(one.get("commits")),
                every=_EVERY[condition],
            ),
        )


_EVERY = {"OR": False, "||": False, "AND": True, "&&": True}
"""Whether all criteria of a list have to be met, by its `condition`."""


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
