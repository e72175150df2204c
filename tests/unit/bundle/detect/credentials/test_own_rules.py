"""Rule files of a user's own in gitleaks' format, and the seal of a value under a key."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from bundle.detect import detectors
from bundle.detect.credentials import detector
from bundle.detect.credentials.rules.gitleaks import is_gitleaks, pattern
from hardening.errors import DataError
from tests.support.bundle.detect.credentials.plant.members import made, member

RULES = r"""
[allowlist]
regexes = ['''dummy''']
[[rules]]
id = "acme-token"
description = "A token of Acme"
regex = '''(?i)acme[_-]([[:alnum:]]{4})[:=](?i)([a-z0-9]{20})\b'''
secretGroup = 2
entropy = 3.0
keywords = ["acme"]
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "gitleaks.toml"
    path.write_text(RULES)
    return path


def test_each_file_goes_to_who_understands_it(rules: Path) -> None:
    assert is_gitleaks(rules)
    assert any(r.id == "credential/own-acme-token" for one in detectors((rules,)) for r in one.rules())


@pytest.mark.parametrize("text", ["[[rules]]\nid='x'\nregex='(('\n", "[[rules]]\nid=' '\nregex='a'\n"])
def test_a_broken_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=r"broken\.toml"):
        detector(gitleaks=(path,))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("secretGroup = 'x'", "secretGroup: 'x' is not a group"),
        ("secretGroup = 2", "secretGroup: 2 is not a group"),
        ("secretGroup = -1", "secretGroup: -1 is not a group"),
        ("entropy = 'high'", "entropy: has to be a number"),
        ("keywords = 'acme'", "keywords: has to be a list"),
        ("allowlist = {paths = 'vendor'}", "allowlist.paths: has to be a list"),
        ("allowlists = [{regexes = 'ab'}]", "allowlist.regexes: has to be a list"),
        ("allowlists = [{stopwords = 'ab'}]", "allowlist.stopwords: has to be a list"),
        ("[[rules]]\nid = 'b'\nregexp = 'acme'", "rules['b']: has neither regex nor path"),
    ],
)
def test_what_would_never_find_or_let_all_pass_is_refused_by_name(
    tmp_path: Path, line: str, said: str
) -> None:
    """A letter of `vendor` is in nearly every path; a rule with a slip in its words looks for nothing."""
    path = tmp_path / "own.toml"
    path.write_text(f"[[rules]]\nid = 'a'\nregex = 'acme_([a-z]{{12}})'\n{line}\n")
    with pytest.raises(DataError, match=re.escape(said)):
        detector(gitleaks=(path,))


@pytest.mark.parametrize(
    ("go", "yes", "no"),
    [(r"a(?i)b", "aB", "AB"), (r"(?:a(?i)b)c", "aBc", "aBC"), (r"[[:digit:]_]+\z", "1_", "x"), (r"a[(]b", "a(b", "ab"), (r"[^]]x", "ax", "]x")],
)  # fmt: skip
def test_patterns_of_go(go: str, yes: str, no: str) -> None:
    assert re.fullmatch(pattern(go), yes)
    assert not re.fullmatch(pattern(go), no)


def test_values_are_sealed_under_the_key_alone() -> None:
    pick = random.Random(2)
    text = f"db.password={made(pick)}\n"
    (bare,) = detector().check(member("a.properties", text), "b")
    (one,) = detector(key=b"k" * 32).check(member("a.properties", text), "b")
    (same,) = detector(key=b"k" * 32).check(member("b.properties", text), "b")
    (other,) = detector(key=b"j" * 32).check(member("a.properties", text), "b")
    assert bare.secret_hmac == ""
    assert one.secret_hmac == same.secret_hmac != other.secret_hmac


def test_the_remedy_names_account_and_service() -> None:
    text = f"<?php mysql_connect('db', 'report', '{made(random.Random(4))}');\n"
    (one,) = detector().check(member("a.php", text), "b")
    assert "'report' of MySQL" in one.remedy
    assert "ALTER USER" in one.remedy


def lines(rules: str, tmp_path: Path, path: str, text: str) -> list[int | None]:
    """Return the lines of a file that rules of a user's own find something on."""
    (tmp_path / "own.toml").write_text(rules)
    found = detector(gitleaks=(tmp_path / "own.toml",)).check(member(path, text), "b.zip")
    return [f.location.line for f in found if f.rule.id.startswith("credential/own-")]  # type: ignore[union-attr]  # always in a file


RULE = "[[rules]]\nid='acme'\nregex='acme-([a-z0-9]{10})'\nkeywords=['acme']\n"
TEXT = "acme-k3m9z7q1w5 one\nacme-test9z7q1w two\nacme-p0o9i8u7y6 three\n"


@pytest.mark.parametrize(
    ("more", "path", "found"),
    [
        ("", "a/b.txt", [1, 2, 3]),
        ("path='\\.ya?ml$'\n", "a/b.txt", []),
        ("path='\\.ya?ml$'\n", "a/b.yml", [1, 2, 3]),
        ("[[rules.allowlists]]\npaths=['(^|/)a/']\n", "a/b.txt", []),
        ("[[rules.allowlists]]\npaths=['(^|/)z/']\n", "a/b.txt", [1, 2, 3]),
        ("[[rules.allowlists]]\nregexes=['^test']\n", "a/b.txt", [1, 3]),
        ("[[rules.allowlists]]\nregexes=['acme-p']\n", "a/b.txt", [1, 2, 3]),
        ("[[rules.allowlists]]\nregexTarget='match'\nregexes=['acme-p']\n", "a/b.txt", [1, 2]),
        ("[[rules.allowlists]]\nregexTarget='line'\nregexes=['three$']\n", "a/b.txt", [1, 2]),
        ("[[rules.allowlists]]\nstopwords=['TEST']\n", "a/b.txt", [1, 3]),
        ("[[rules.allowlists]]\ncondition='AND'\npaths=['/z/']\nstopwords=['test']\n", "a/b.txt", [1, 2, 3]),
        ("[[rules.allowlists]]\ncondition='AND'\npaths=['a/']\nstopwords=['test']\n", "a/b.txt", [1, 3]),
        ("[[rules.allowlists]]\ncondition='AND'\ncommits=['abc']\nstopwords=['test']\n", "a/b.txt", [1, 2, 3]),
        ("[[allowlists]]\ntargetRules=['acme']\nstopwords=['test']\n", "a/b.txt", [1, 3]),
        ("[allowlist]\npaths=['b\\.txt$']\n", "a/b.txt", []),
    ],
)  # fmt: skip
def test_allow_lists_as_gitleaks_has_them(tmp_path: Path, more: str, path: str, found: list[int]) -> None:
    assert lines(RULE + more, tmp_path, path, TEXT) == found


def test_a_rule_may_be_for_a_path_alone(tmp_path: Path) -> None:
    rules = "[[rules]]\nid='stores'\npath='(?i)\\.p12$'\n[[rules.allowlists]]\npaths=['/tests/']\n"
    assert lines(rules, tmp_path, "etc/Site.P12", "x") == [None]
    assert lines(rules, tmp_path, "etc/site.pem", "x") == []
    assert lines(rules, tmp_path, "a/tests/site.p12", "x") == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[[rules.allowlists]]\ncondition='XOR'\nstopwords=['a']\n", "condition"),
        ("[[rules.allowlists]]\nregexTarget='file'\nregexes=['a']\n", "regexTarget"),
        ("[[allowlists]]\ntargetRules=['nobody']\nstopwords=['a']\n", "nobody"),
        ("path='(('\n", "path"),
        ("[[rules.allowlists]]\npaths=['((']\n", "paths"),
    ],
)
def test_what_is_wrong_in_a_list_is_said_by_name(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        lines(RULE + more, tmp_path, "a", TEXT)
