"""Every family carries examples that are found, or not, as they say; both engines say the same."""

from __future__ import annotations

import random
from importlib.resources import files
from pathlib import Path

import pytest

from bundle.detect.credentials import Credentials
from bundle.detect.credentials.parts import WHOLE
from bundle.detect.credentials.rules.families import Example, Family, load, shipped
from bundle.walk.member import Member
from hardening.errors import HardeningError
from hardening.findings import InFile, Severity

CASES = [(f, e) for f in shipped() for e in f.examples]
HASH = "$6$" + "aZ3.kQ9x" + "$" + "xY7.bK2/pQ8w" * 7 + "zz"


def filled(example: Example, seed: int = 1) -> Member:
    pick = random.Random(f"{example.path}{seed}")
    letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    secret = "x" + "".join(pick.choice(letters) for _ in range(14)) + "7Q"
    data = example.content.replace("{secret}", secret).replace("{crypt}", HASH).encode()
    return Member(parts=("b.zip", example.path), kind="file", size=len(data), content=data)


@pytest.mark.parametrize(
    ("family", "example"), CASES, ids=[f"{f.rule.id}:{n}" for n, (f, _) in enumerate(CASES)]
)
def test_example(credentials: Credentials, family: Family, example: Example) -> None:
    said = [f for f in credentials.check(filled(example), "b.zip") if f.level > Severity.INFO]
    if not example.flagged:
        assert said == []
        return
    assert family.rule.id in {f.rule.id for f in said}
    assert example.line in {f.location.line for f in said if isinstance(f.location, InFile)}


@pytest.mark.parametrize("family", shipped(), ids=lambda f: f.rule.id)
def test_every_family_has_a_clean_example(family: Family) -> None:
    assert any(not e.flagged for e in family.examples)


@pytest.mark.parametrize(("_family", "example"), CASES, ids=range(len(CASES)))
def test_gate_and_fallback_say_the_same(
    credentials: Credentials, plain: Credentials, _family: Family, example: Example
) -> None:
    assert list(credentials.check(filled(example), "b")) == list(plain.check(filled(example), "b"))


def test_gate_and_fallback_say_the_same_of_every_planted_kind(
    credentials: Credentials, plain: Credentials
) -> None:
    from tests.support.bundle.detect.credentials.plant.corpus import fill
    from tests.support.bundle.detect.credentials.plant.kinds import places

    assert plain.gates.whole.engine == "plain"
    pick = random.Random(5)
    for place in (*places("first"), *places("second"), *places("decoys")):
        data = fill(place, pick).text.encode()
        one = Member(parts=("b.zip", place.path), kind="file", size=len(data), content=data)
        assert list(credentials.check(one, "b")) == list(plain.check(one, "b")), place.path


@pytest.mark.parametrize(
    "text",
    ['Parameters: "user svc x"\nParameters: "/password=Cobalt9253 /silent"\n', "vncpassword=S1wwzphRVJ\nx11vnc -passwd boiler.orchid_27 -display :0\n",
     'execute "mysqladmin -u root password Cobalt9253"\npassword node["x"]\n', "password =\npassword = Cobalt9253\n"],
)  # fmt: skip
def test_gate_and_fallback_hit_the_same_lines(
    credentials: Credentials, plain: Credentials, text: str
) -> None:
    """Texts in which bounded repeats, or matches over the end of a line, once hid a hit from one of the two."""
    data = text.encode()

    def lines(found: Credentials) -> set[tuple[int, int]]:
        hits = found.gates.hits(data, WHOLE)
        return {(number, data.count(b"\n", 0, end - 1)) for number, ends in hits.items() for end in ends}

    assert lines(credentials) == lines(plain)


def test_unknown_keys_are_refused_with_file_and_key(tmp_path: Path) -> None:
    file = tmp_path / "odd.toml"
    file.write_text('id="x"\ntitle="x"\nseverity="high"\nwhy="x"\nremedy="x"\nnett=[]\n')
    with pytest.raises(HardeningError, match=r"odd\.toml.*nett"):
        load(file)


@pytest.mark.parametrize("family", shipped(), ids=lambda f: str(f.rule.id))
def test_what_ships_compiles_when_it_is_used_as_it_would_at_once(family: Family) -> None:
    name = family.rule.id.removeprefix("credential/")
    folder = files("bundle") / "data" / "credentials"
    at_once = load(folder / f"{name}.toml")
    for late, net in zip(family.nets, at_once.nets, strict=True):
        assert "secret" in late.regex.groupindex
        assert (late.regex.pattern, late.regex.flags) == (net.regex.pattern, net.regex.flags)
        assert list(late.regex.finditer("")) == list(net.regex.finditer(""))


@pytest.mark.parametrize("regex", ["(?P<secret>", "(secret)"])
def test_a_pattern_of_no_use_is_refused_with_file_and_key(tmp_path: Path, regex: str) -> None:
    file = tmp_path / "odd.toml"
    text = 'id="x"\ntitle="x"\nseverity="high"\nwhy="x"\nremedy="x"\nsink=[]\nexamples=[]\n'
    file.write_text(f"{text}[[net]]\nregex='{regex}'\ngate='x'\n")
    with pytest.raises(HardeningError, match=r"odd\.toml.*regex"):
        load(file)
