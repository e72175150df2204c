"""The parts of the detector, each by itself."""

from __future__ import annotations

import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bundle.detect.credentials import Credentials
from bundle.detect.credentials.java import classes
from tests.support.bundle.detect.credentials.plant.members import member


def _javac() -> None:
    if shutil.which("javac") is None:
        import os

        if os.environ.get("CI") == "true":
            pytest.fail("javac is missing: install a JDK")
        pytest.skip("javac is missing: install a JDK")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    _javac()
    folder: Path = tmp_path_factory.mktemp("java")
    source = folder / "Held.java"
    source.write_text(
        'class Held { static final String DB_PASSWORD = "K1a"; String pwd = "K2b"; int t(int n) { switch (n) { case 1: return 2;'
        " case 70000: return 3; default: return 4; } } void a(java.security.KeyStore k, java.util.Properties p, double d, long l)"
        ' throws Exception { java.util.List<String> w = null; w.add("w"); w.size(); k.load(null, "K3c".toCharArray()); p.put("password", "K4d");'
        ' java.sql.DriverManager.getConnection("jdbc:x", "sa", "K5e"); new java.net.PasswordAuthentication("u", "K6f".toCharArray()); } }'
    )
    subprocess.run(["javac", "-d", str(folder), str(source)], check=True, capture_output=True)
    return (folder / "Held.class").read_bytes()


def test_classes_say_their_constants(compiled: bytes) -> None:
    said = {name: given[-1] for name, given in classes.calls(compiled)}
    assert said == {
        "=DB_PASSWORD": "K1a", "=pwd": "K2b", "KeyStore": "K3c", "put": "K4d", "getConnection": "K5e",
        "PasswordAuthentication": "K6f", "add": "w",
    }  # fmt: skip


def test_what_follows_the_call_of_an_interface_is_read_in_step(compiled: bytes) -> None:
    said = dict(classes.calls(compiled))
    assert said["PasswordAuthentication"] == ["u", "K6f"]
    assert said["getConnection"] == ["jdbc:x", "sa", "K5e"]


def test_only_methods_with_what_is_wanted_are_followed(compiled: bytes, credentials: Credentials) -> None:
    everything = list(classes.calls(compiled))
    wanted = list(classes.calls(compiled, credentials.compiled.wanted))
    assert ("add", ["w"]) in everything
    found = [one for one in everything if credentials.compiled.judged(*one)]
    assert found
    assert [one for one in wanted if credentials.compiled.judged(*one)] == found


_COMPARES = """class Door { private String passwd;
  boolean a(String pw) { return "North!8499".equals(pw); }
  boolean b(String user, String password) { return user.equals("service") && password.equals("Tower#4488"); }
  boolean c() { return this.passwd.equalsIgnoreCase("Pump_4419x"); }
  boolean d(javax.swing.JPasswordField field) { return new String(field.getPassword()).equals("Valve-8812"); }
  boolean e(java.util.Map<String, String> form) { return "Boiler8812!".equals(form.get("password")); }
  boolean f(String passwordField) { return "North!8500".equals(passwordField); }
  boolean g(String pw) { return "password".equals(pw) || "".equals(pw) || pw.equals(passwd); }
  boolean h(String name) { return "North!8501".equals(name); } }"""


def test_back_doors_of_classes(tmp_path: Path, credentials: Credentials) -> None:
    """A password held against a literal, by the name of a variable, a field, a getter or a key."""
    _javac()
    (tmp_path / "Door.java").write_text(_COMPARES)
    subprocess.run(
        ["javac", "-g", "-d", str(tmp_path), "Door.java"], cwd=tmp_path, check=True, capture_output=True
    )
    data = (tmp_path / "Door.class").read_bytes()
    said = {
        (name, given[0]) for name, given in classes.calls(data, credentials.compiled.wanted) if name[0] == "?"
    }
    found = {value for name, value in said if credentials.compiled.judged(name, [value])}
    assert found == {"North!8499", "Tower#4488", "Pump_4419x", "Valve-8812", "Boiler8812!"}
    assert ("?name", "North!8501") in said
    one = replace(member("lib/Door.class", ""), content=data, size=len(data), format="class")
    assert {f.rule.id for f in credentials.check(one, "b.zip")} == {"credential/back-door"}


@pytest.mark.parametrize("mark", ["DB_PASSWORD", "pwd", "PasswordAuthentication", "getConnection"])
def test_a_class_in_which_one_name_is_wanted_says_it(compiled: bytes, mark: str) -> None:
    class One:
        def called(self, name: str) -> bool:
            return name == mark

        def sets(self, name: str) -> bool:
            return name == "nothing"

        def named(self, name: str) -> bool:
            return name == mark

        def lists(self, name: str) -> bool:
            return name == "nothing"

        def compared(self, name: str) -> bool:
            return name == "nothing"

    said = {name.lstrip("=") for name, _ in classes.calls(compiled, One())}
    assert mark in said


def test_damaged_classes_are_read_as_far_as_they_go(compiled: bytes, credentials: Credentials) -> None:
    pick = random.Random(1)
    for _ in range(1500):
        data = bytearray(compiled)
        for _ in range(pick.randint(1, 6)):
            data[pick.randrange(8, len(data))] = pick.randrange(256)
        list(credentials.check(member("a.class", bytes(data[: pick.randint(10, len(data))])), "b"))
