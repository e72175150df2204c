"""Numbers of files: what is none ends nothing, in servers' settings and in versions of packages."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.detect import versions
from hardening.numerals import LONGEST, whole
from hardening.tls import policy as policies
from hardening.tls.auditing import audit as audits
from hardening.tls.auditing import mains
from hardening.tls.targets import find

ROOT = Path(__file__).parents[2]
ODD = {
    "superscript": "\u00b2",
    "five thousand digits": "9" * 5000,
    "another script": "\u0663",
    "mixed": "1\u00b2",
}


@given(st.integers(0, 10**LONGEST - 1))
def test_a_number_is_read(number: int) -> None:
    assert whole(str(number)) == whole(str(number).encode()) == number


@pytest.mark.parametrize("text", [None, "", "-1", "+1", "1_0", " 1", "1.0", *ODD.values()])
def test_anything_else_is_none(text: str | None) -> None:
    assert whole(text) is None
    assert whole(None if text is None else text.encode()) is None


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize(
    ("target", "version", "text"),
    [
        ("dovecot", "2.2.36-el7", "ssl = yes\nssl_cert = </x.pem\nssl_dh_parameters_length = {}\n"),
        ("haproxy", None, "global\n ssl-security-level {0}\n tune.ssl.default-dh-param {0}\nfrontend f\n bind :443 ssl crt /x\n"),
        ("haproxy", None, ".if {}\nglobal\n.endif\nfrontend f\n bind :443 ssl crt /x\n"),
        ("stunnel", None, "[s]\naccept = 443\nconnect = 80\nsecurityLevel = {}\n"),
        ("exim", None, "tls_advertise_hosts = *\ntls_certificate = /x\ntls_dh_max_bits = {}\n"),
    ],
    ids=["dovecot", "haproxy", "haproxy condition", "stunnel", "exim"],
)  # fmt: skip
def test_a_setting_that_is_no_number_is_read_as_none(
    target: str, version: str | None, text: str, odd: str, tmp_path: Path
) -> None:
    path = tmp_path / "the.conf"
    path.write_text(text.format(odd), "utf-8")
    asked = mains.AuditInput(target=find(target), version=version)
    assert audits.audit([path], [policies.load("aspect")], asked).findings


@pytest.mark.parametrize("compare", [versions.plain, versions.maven, versions.deb, versions.rpm])
def test_versions_of_many_digits_are_compared(compare: versions.Compare) -> None:
    assert compare("1." + "9" * 5000, "1.2") > 0
    assert compare("1.2", "1." + "9" * 5000) < 0
    assert compare("1." + "0" * 5000 + "2", "1.2") == 0
    for odd in ODD.values():
        compare(f"1.{odd}-{odd}", f"{odd}:1.{odd}")


def _asked_and_made(function: ast.AST) -> set[str]:
    """Return what `isdigit` is asked of in a function and `int` is then made of, as it is written."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    asked = {
        ast.unparse(c.func.value)
        for c in calls
        if isinstance(c.func, ast.Attribute) and c.func.attr == "isdigit"
    }
    made = {
        ast.unparse(c.args[0])
        for c in calls
        if isinstance(c.func, ast.Name) and c.func.id == "int" and len(c.args) == 1
    }
    return asked & made


_BOUNDED = {
    "hardening/numerals.py": "the rule itself",
    "hardening/onhost/verifier/main.py": "runs alone on hosts",
    "hardening/onhost/agent/comparing.py": "runs alone on hosts",
    "hardening/onhost/upgrader/leftovers.py": "runs alone on hosts",
    "hardening/onhost/upgrader/status.py": "runs alone on hosts",
    "hardening/onhost/upgrader/trust.py": "runs alone on hosts",
    "hardening/tls/scan/endpoint.py": "asks for ASCII too",
    "bundle/walk/derive/followed.py": "the project's own table",
    "bundle/walk/formats/ars.py": "bytes, a field of sixteen",
    "bundle/walk/formats/sparse.py": "bytes, at most nineteen",
    "bundle/walk/formats/tars.py": "bytes, at most nineteen",
    "hardening/tls/targets/nginx/target.py": "the project's own data",
    "hardening/tls/targets/lighttpd/target.py": "the project's own data",
}


def test_nothing_else_takes_a_text_for_a_number_because_all_of_it_are_digits() -> None:
    """A superscript two is a digit to `isdigit` and an error to `int`, and so is a text of more than 4,300 digits."""
    found = {
        str(path.relative_to(ROOT)): names
        for folder in ("hardening", "bundle")
        for path in (ROOT / folder).rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and (names := _asked_and_made(function))
    }
    assert set(found) - set(_BOUNDED) == set()
    assert set(_BOUNDED) - set(found) == set()
