"""A hit that is dismissed at one look is one of which the whole reading says nothing either."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.bundle.detect.credentials.test_dismissed import KINDS, said, whole

FRONT = st.sampled_from(
    ("", "\n", "\t", "  ", "$", "var ", "{ ", "case ", "// ", "# ", " * ", '"a": 1, ', "$x['", '$lang["', "$password['", "this.", "$o->", "--", "::", "é", "x = 'it", "password, ")
)  # fmt: skip


NAME = st.sampled_from(
    ("password", "token", "defaultToken", "tokens", "api key", "db_pass", "passwords-again", "secret.token", "passphrase", "pw", "x", "1password", "token-", "encoded_token", "AUTH_KEY", "tokén")
)  # fmt: skip


CLOSE = st.sampled_from(("", '"', "'", "']", '"]', "']['a']", " ", ": str", " as string", "()", "[]"))


SIGN = st.sampled_from(
    (":", "=", "=>", " => ", "=>" + " " * 17, ": ", " = ", ", ", " :=", " =\n\t", "->", "<-")
)


VALUE = st.sampled_from(
    ('"comment"', "'comment.doc'", '"Your password, please"', "'Kx7#pQ2z!'", '"my pass word 1234567890 1234567890"', "x", "a.b()", "$this->x", "new String(", "decode(", "[", "{ ", "[1", "q{Kx7pQ2z}", 'md5("Kx7pQ2zL")',
     "function (a) {", "Kx7pQ2zL9", "1", '"', '""', "'é word'", '"open', "a.\n  decode(", "%s", "`x y`", "{{", "correct horse", '"correct horse battery"', "letmein")
)  # fmt: skip


TAIL = st.sampled_from(
    (
        "",
        "\n",
        ",",
        " }",
        ";\n",
        ' + "Kx7"',
        '\n  "Kx7#pQ2z!"',
        ")\n",
        " //\n",
        "' \n",
        ', "password"',
        "\r\n",
    )
)


LINES = st.lists(st.tuples(FRONT, NAME, CLOSE, SIGN, VALUE, TAIL).map("".join), min_size=1, max_size=4).map(
    "".join
)


@settings(max_examples=2000, deadline=None, derandomize=True)
@given(LINES, st.sampled_from(KINDS))
def test_what_is_dismissed_is_nothing(text: str, kind: str) -> None:
    data = text.encode()
    assert said(data, kind) == whole(data, kind)


ON_THE_NEXT = (
    "x", "x,", "x)", "x = 'Kx7#pQ2z!'", "x == 'Kx7#pQ2z!'", "x ~ 'Kx7#pQ2z!'", "x=>'Kx7#pQ2z!'", "x\n'Kx7#pQ2z!'", ")", "]", "}", ") = 'Kx7#pQ2z!'", "] = 'Kx7#pQ2z!'", ": 'Kx7#pQ2z!'", ":x: 'Kx7#pQ2z!'",
    "# 'Kx7#pQ2z!'", "* 'Kx7#pQ2z!'", "@x", "@'Kx7#pQ2z!'", "@ 'Kx7#pQ2z!'", "return 'Kx7#pQ2z!'", "def a(b='Kx7#pQ2z!')", "new String('Kx7#pQ2z!')", "b'Kx7#pQ2z!'", "String('Kx7#pQ2z!')", "pack('H*', 'Kx7#pQ2z!')", "a.decode('Kx7#pQ2z!')", "(str) 'Kx7#pQ2z!'",
    "'Kx7#pQ2z!'", "`Kx7#pQ2z!`", "[ 'Kx7#pQ2z!' ]", "{'Kx7#pQ2z!'}", "-> 'Kx7#pQ2z!'", "<- 'Kx7#pQ2z!'", "<<'Kx7#pQ2z!'", "password = 'Kx7#pQ2z!'", "password, 'Kx7#pQ2z!'", "Kx7pQ2zL9w5", "Kx7pQ2zL9w5,", "&'a 'Kx7#pQ2z!'", "!x 'Kx7#pQ2z!'", "'Kx7#pQ2z!' }", "'Kx7#pQ2z!'),", "?x", ". 'Kx7#pQ2z!'", "/x", "+ 'Kx7#pQ2z!'",
)  # fmt: skip


FRONTS = ("", "put(", "setOption(a, ", "x['", "password, ", '"', ":", "{ ", "({ ")


SIGNS = (",", ":", " =", " =>", "'],", '":')


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_behind_a_comma_or_below_and_is_dismissed_is_nothing(kind: str, end: str) -> None:
    for front, name, sign, behind in itertools.product(
        FRONTS, ("token", "Password", "a.PASSWORD"), SIGNS, ON_THE_NEXT
    ):
        data = f"\n{front}{name}{sign}{end}   {behind}\n".encode()
        assert said(data, kind) == whole(data, kind), data
