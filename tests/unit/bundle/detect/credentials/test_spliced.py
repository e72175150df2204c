"""Literals that a program joins or fills into a format: each place in each way to write it, and the same with variables."""

from __future__ import annotations

import random

import pytest

from bundle.detect.credentials import Credentials
from bundle.detect.credentials.statements import formats, spliced
from bundle.detect.credentials.texts.textview import View
from hardening.findings import Confidence, Finding, InFile
from tests.support.bundle.detect.credentials.plant.members import Look, made, member

FIRST = made(random.Random(71))
PLACES = {
    "address": ("amqp://", "keeper", ":", FIRST, "@", "10.2.0.7/x"),
    "address of a host": ("amqp://keeper:", FIRST, "@mq.plant.lan/x"),
    "mysql": ("mysql -ukeeper -p", FIRST, " plant"),
    "sshpass": ("sshpass -p ", FIRST, " ssh keeper@10.2.0.7"),
    "curl": ("curl -u keeper:", FIRST, " http://10.2.0.7/"),
    "grant": ("GRANT ALL ON plant.* TO 'keeper'@'%' IDENTIFIED BY '", FIRST, "'"),
    "function": ("SET PASSWORD FOR keeper = PASSWORD('", FIRST, "')"),
    "connection": ("server=db;uid=keeper;", "password=", FIRST, ";"),
    "option": ("backup --password=", FIRST, " now"),
}
"""The pieces of a literal that holds a credential."""
JOINED = {
    "a.php": ("$c = {};", " . "), "a.js": ("const c = {};", " + "), "A.java": ("String c = {};", "\n      + "), "a.py": ("c = {}", " + "),
    "a.lua": ("local c = {}", " .. "), "a.vb": ("c = {}", " & "), "a.c": ("const char *c = {};", " "), "a.cpp": ("out << {};", " << "),
    "B.java": ("sb.append({}).append(last);", ").append("), "C.java": ("String c = {});", ".concat("), "b.py": ("c = ({})", "\n    "),
}  # fmt: skip
"""How languages join literals."""
FORMATS = {
    "a.php": ("$c = sprintf({}, {});", "%s"), "b.php": ("$c = vsprintf({}, array({}));", "%s"), "a.c": ("snprintf(c, sizeof(c), {}, {});", "%s"),
    "A.java": ("String c = String.format({}, {});", "%s"), "B.java": ("String c = {}.formatted({});", "%s"), "C.java": ("String c = MessageFormat.format({}, {});", "{#}"),
    "a.py": ("c = {} % ({},)", "%s"), "b.py": ("c = {}.format({})", "{{}}"), "c.py": ("c = {}.format({})", "{#}"), "a.go": ("c := fmt.Sprintf({}, {})", "%v"),
    "a.cs": ("var c = string.Format({}, {});", "{#}"), "a.rb": ("c = format({}, {})", "%s"), "a.lua": ("local c = string.format({}, {})", "%s"),
    "a.rs": ("let c = format!({}, {});", "{{}}"), "a.pl": ("my $c = sprintf {}, {};", "%s"),
}  # fmt: skip
"""How languages fill literals into formats."""


def _lines(found: list[Finding]) -> set[int | None]:
    return {
        f.location.line for f in found if f.confidence >= Confidence.MEDIUM and isinstance(f.location, InFile)
    }


def _quoted(piece: str) -> str:
    return f'"{piece}"'


def _format(pieces: tuple[str, ...], place: str) -> str:
    numbered = iter(range(len(pieces)))
    whole = "".join(
        place.replace("#", str(next(numbered)))
        if one in ("keeper", FIRST)
        else (one.replace("%", "%%") if place[0] == "%" else one)
        for one in pieces
    )
    return _quoted(whole.replace("{{}}", "{}"))


@pytest.mark.parametrize("path", JOINED)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_joined_is_found_where_the_value_stands(
    credentials: Credentials, plain: Credentials, place: str, path: str
) -> None:
    form, sign = JOINED[path]
    text = form.format(sign.join(map(_quoted, PLACES[place]))) + "\n"
    one = member(path, text)
    found = list(credentials.check(one, "b"))
    assert _lines(found) == {text[: text.index(FIRST)].count("\n") + 1}
    assert found == list(plain.check(one, "b"))


@pytest.mark.parametrize("path", JOINED)
@pytest.mark.parametrize("place", PLACES)
def test_a_variable_that_is_joined_is_no_value(look: Look, place: str, path: str) -> None:
    form, sign = JOINED[path]
    sign = " + " if not sign.strip() else sign  # nothing stands between literals alone
    text = form.format(sign.join("secret1" if one == FIRST else _quoted(one) for one in PLACES[place]))
    assert not _lines(look(path, text + "\n"))


@pytest.mark.parametrize("path", FORMATS)
@pytest.mark.parametrize("place", PLACES)
def test_a_constant_that_is_filled_in_is_found(
    credentials: Credentials, plain: Credentials, place: str, path: str
) -> None:
    form, mark = FORMATS[path]
    given = ", ".join(_quoted(one) for one in PLACES[place] if one in ("keeper", FIRST))
    text = form.format(_format(PLACES[place], mark), given).replace("{{", "{") + "\n"
    one = member(path, text)
    found = list(credentials.check(one, "b"))
    assert _lines(found) == {1}
    assert found == list(plain.check(one, "b"))


@pytest.mark.parametrize("path", FORMATS)
@pytest.mark.parametrize("place", PLACES)
def test_a_variable_that_is_filled_in_is_no_value(look: Look, place: str, path: str) -> None:
    form, mark = FORMATS[path]
    given = ", ".join(
        "word" if one == FIRST else _quoted(one) for one in PLACES[place] if one in ("keeper", FIRST)
    )
    assert not _lines(look(path, form.format(_format(PLACES[place], mark), given) + "\n"))


@pytest.mark.parametrize(
    ("form", "given", "wanted"),
    [("%s-%s", '"a", "b")', "a-b"), ("%2$s-%1$s", '"a", "b")', "b-a"), ("%s-%s", 'x, "b")', "${_}-b"), ("%s%%%s", '"a", "b")', "a%b"),
     ("{1}-{0}", '"a", "b")', "b-a"), ("{}-{}", 'x(1, "c"), "b")', "${_}-b"), ("{{}}{}", '"a")', "{}a"), ("%s", '["a", "b"])', "a")],
)  # fmt: skip
def test_formats_number_what_they_fill_in(form: str, given: str, wanted: str) -> None:
    text = f'f("{form}", {given}'
    parts = formats.filled(text, text.index('", ') + 1, [formats.Part(form, 3)])
    assert parts is not None
    assert "".join(part.text for part in parts) == wanted
    assert all(text[p.at : p.at + len(p.text)] == p.text for p in parts if p.at >= 0)


@pytest.mark.parametrize(
    ("form", "given", "wanted"),
    [("%(u)s-%(p)s", '{"p": "b", "u": "a"}', "a-b"), ("%s-%s", '("a", "b")', "a-b"), ("%s", '"a"', "a"), ("%s-%s", "(a, b)", None), ("%s", "a", None)],
)  # fmt: skip
def test_a_sign_fills_in_as_a_call_does(form: str, given: str, wanted: str | None) -> None:
    text = f'"{form}" % {given}\n'
    parts = formats.filled(text, len(form) + 2, [formats.Part(form, 1)])
    assert (None if parts is None else "".join(part.text for part in parts)) == wanted


def test_qt_fills_in_one_call_after_another() -> None:
    text = """QString("%2-%1").arg("b").arg("a")"""
    parts = formats.filled(text, 15, [formats.Part("%2-%1", 9)])
    assert parts is not None
    assert "".join(part.text for part in parts) == "a-b"


def test_names_of_arguments_count() -> None:
    text = '"{u}-{p}".format(p="b", u="a")'
    parts = formats.filled(text, 9, [formats.Part("{u}-{p}", 1)])
    assert parts is not None
    assert "".join(part.text for part in parts) == "a-b"


def test_literals_of_a_class_are_none_of_each_others() -> None:
    text = b'"mysql://keeper:"\n"x"\n'
    assert not list(spliced.made(View(text, apart=True), [20], adjacent=True))
    assert list(spliced.made(View(text), [19], adjacent=True))
