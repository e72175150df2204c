"""Java classes compiled here: where their bytecode and annotations hold passwords, and where they do not."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.detect import keys
from bundle.detect.credentials import Credentials
from bundle.detect.credentials.java import annotated
from bundle.walk.derive.bytecode import class_constants, worth_it
from bundle.walk.member import Member
from hardening.findings import Confidence
from tests.support.bundle.detect.credentials.java_texts import HOLDS, HOLDS_NOT, WORD
from tests.support.bundle.detect.credentials.plant.members import member


def _compile(folder: Path, sources: Mapping[str, str], *flags: str) -> dict[str, list[bytes]]:
    """Return the classes of each source, by its name; in each the main class is X."""
    if shutil.which("javac") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("javac is missing: install a JDK")
        pytest.skip("javac is missing: install a JDK")
    for number, body in enumerate(sources.values()):
        (folder / f"p{number}").mkdir()
        (folder / f"p{number}" / "X.java").write_text(f"package p{number}; import java.util.*; {body}")
    files = [f"p{number}/X.java" for number in range(len(sources))]
    subprocess.run(["javac", *flags, *files], cwd=folder, check=True, capture_output=True)
    return {
        name: [one.read_bytes() for one in sorted((folder / f"p{number}").glob("X*.class"))]
        for number, name in enumerate(sources)
    }


def _said(credentials: Credentials, classes: Iterable[bytes]) -> list[str]:
    return [
        f.evidence
        for data in classes
        for f in credentials.check(member("lib/X.class", data), "b.zip")
        if f.confidence >= Confidence.MEDIUM
    ]


JOINED = {
    "an address": 'class X { String a(String h, int n) { return "mysql://feed:Quay7714@" + h + ":" + n + "/d"; } }',
    "no password": 'class X { String a(String h) { return "password=" + h + "&user=x"; } }',
    "no password of a database": 'class X { String a(String h) { return "Driver=x;Server=s;Uid=feed;Pwd=" + h + ";"; } }',
    "a command": 'class X { String a(String h) { return "sshpass -p Quay7714 scp " + h + " feed@a:/b"; } }',
    "a command with an option": 'class X { String[] a() { return new String[] {"sh", "-c", "mysql -ufeed -pQuay7714 x"}; } }',
    "the digest of a usual password": 'class X { static final String ADMIN_HASH = "5f4dcc3b5aa765d61d8327deb882cf99"; }',
    "a header": 'class X { String a() { return "Basic ZmVlZDpRdWF5Izc3MTQ="; } }',
}  # fmt: skip
"""What is found in the text that the walk makes of a class."""
DOORS = {
    "beside an account": 'class X { boolean a(String user, String pass) { return user.equals("feed") && "letmein1".equals(pass); } }',
    "alone": 'class X { boolean a(String user, String pass) { return "letmein1".equals(pass); } }',
    "what stores have until somebody changes it": 'class X { boolean a(String password) { return "changeit".equals(password); } }',
}  # fmt: skip


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[bytes]]]:
    """All of them, compiled with the names of variables and without."""
    made = {name: body.replace("%s", WORD) for name, body in (HOLDS | NAMED_ONLY).items()}
    every = {**made, **HOLDS_NOT, **JOINED, **DOORS}
    return {flag: _compile(tmp_path_factory.mktemp("java"), every, flag) for flag in ("-g", "-g:none")}


Classes = dict[str, dict[str, list[bytes]]]


NAMED_ONLY = {
    "a word beside an account": 'class X { boolean a(String user, String password) { return user.equals("feed") && password.equals("marblegate"); } }',
    "a word where a parameter is called a password": 'class X { boolean a(String password) { return "quarry".equals(password); } }',
    "a usual password where a parameter is called one": 'class X { boolean a(String password) { return password.equals("letmein1"); } }',
    "in a variable that has a name": 'class X { int a() { String passwd = "%s"; return passwd.length(); } }',
}
"""What is found where the compiler kept the names of variables."""
NAMELESS = [
    n
    for n, body in HOLDS.items()
    if "operator" in body or ("String password)" not in body and "[] passwd)" not in body)
]
"""What is found without the names of parameters too."""


@pytest.mark.parametrize(
    ("flag", "name"), [("-g", n) for n in HOLDS | NAMED_ONLY] + [("-g:none", n) for n in NAMELESS]
)
def test_passwords_of_classes(credentials: Credentials, classes: Classes, name: str, flag: str) -> None:
    assert len(_said(credentials, classes[flag][name])) == 1


@pytest.mark.parametrize("flag", ["-g", "-g:none"])
@pytest.mark.parametrize("name", HOLDS_NOT)
def test_no_passwords_of_classes(credentials: Credentials, classes: Classes, name: str, flag: str) -> None:
    assert _said(credentials, classes[flag][name]) == []


def test_a_usual_password_is_a_back_door_beside_an_account(
    credentials: Credentials, classes: Classes
) -> None:
    assert [len(_said(credentials, classes["-g"][name])) for name in DOORS] == [1, 0, 0]


def _constants(data: bytes) -> Member:
    text, _ = class_constants(data)
    return Member(parts=("b", "X.class"), kind="file", size=len(text), content=text, derived="constants")


@pytest.mark.parametrize("name", JOINED)
def test_what_a_program_joins_to_a_literal(credentials: Credentials, classes: Classes, name: str) -> None:
    (data,) = classes["-g"][name]
    assert worth_it(data)
    said = [f for f in credentials.check(_constants(data), "b") if f.confidence >= Confidence.MEDIUM]
    assert len(said) == (0 if name.startswith("no ") else 1)


def test_a_type_without_an_end_ends_the_reading(credentials: Credentials, classes: Classes) -> None:
    (data,) = classes["-g"]["a variable on the way to a login"]
    broken = data.replace(b"java/lang/String;)", b"java/lang/String:)")
    assert broken != data
    assert _said(credentials, [broken]) == []


def test_a_constant_is_said_once(tmp_path: Path, credentials: Credentials) -> None:
    """By the text that the walk makes of the class, or else by the class itself."""
    sources = {
        "text": 'class X { static final String DB_USER = "feed", DB_PASSWORD = "letmein"; }',
        "class": f'class X {{ static final String FEED_PW = "{WORD}"; }}',
    }
    compiled = _compile(tmp_path, sources)
    for name, (data,) in compiled.items():
        assert worth_it(data) == (name == "text")
        members = (member("X.class", data), _constants(data))
        said = [f.evidence for m in members[: 1 + worth_it(data)] for f in credentials.check(m, "b")]
        assert len(said) == 1


def test_a_key_in_a_class_is_said_once_and_without_a_line(tmp_path: Path) -> None:
    key = subprocess.run(["openssl", "genrsa", "1024"], check=True, capture_output=True, text=True).stdout
    literal = key.strip().replace("\n", "\\n")
    ((data,),) = _compile(tmp_path, {"": f'class X {{ static final String K = "{literal}"; }}'}).values()
    detector = keys.detector()
    said = [f for m in (member("X.class", data), _constants(data)) for f in detector.check(m, "b")]
    assert [getattr(f.location, "line", 0) for f in said] == [None]


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_annotations_that_are_damaged_end(data: bytes) -> None:
    pool = dict.fromkeys(range(4), (1, b"password"))
    for parameters in (False, True):
        try:
            assert all(
                isinstance(text, str)
                for pair in annotated.written(data, pool, parameters=parameters)
                for text in pair
            )
        except (IndexError, KeyError):
            continue


def test_annotations_within_annotations_have_an_end() -> None:
    one = struct.pack(">HHH", 1, 1, 1) + b"@"
    data = struct.pack(">H", 1) + one * 5000
    with pytest.raises(IndexError):
        list(annotated.written(data, {1: (1, b"a")}, parameters=False))
