"""What is said with high confidence, and what is not."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import replace

import pytest

from bundle.detect.credentials import Credentials
from bundle.detect.credentials.judging.score import is_drawn
from bundle.detect.credentials.judging.values import is_picked
from hardening.findings import Confidence
from tests.support.bundle.detect.credentials.plant.members import Look, member

PAIR = 'user = "feed"\npassword = "gravel77"\n'


@pytest.mark.parametrize(
    "value",
    [
        "q7ZkWm2xVtR9pLc4YbNs8D",
        "37k9zuxw0n9hqado2m7",
        "e19a7d9195fe39e0",
        "Gr4v!x+Gr4v!x+",
        "UKz9/dN3IwrQ5v8+AbT0hg==",
        "oquahthai9noofashoyoikosageeyeey",
        "k7#pw!zq9@vm2^xr8$bn5&lt4*hj6(gd3)fs1-yc0_we",
    ],
)
def test_what_a_generator_drew(value: str) -> None:
    assert is_drawn(value)


@pytest.mark.parametrize(
    "value",
    [
        "bdc1DischargePower",
        "wsdl2java",
        "plant.loading._plugins.identity.v3:OAuth2Gate",
        "AUTH0_VERIFIABLE_CREDENTIALS",
        "gravelpit77",
        "top5Gate1",
        "708977205387",
        "202.124.224.0/20",
        "%016x",
        "{secret_keys[0]}",
        "pi:health:v1:gates",
    ],
)
def test_what_no_generator_drew(value: str) -> None:
    assert not is_drawn(value)


@pytest.mark.parametrize("value", ["admin", "gravel77", "Pebble!", "gr4vel", "S3cure.Gate", "wxQVBkcI"])
def test_what_people_choose(value: str) -> None:
    assert is_picked(value)


@pytest.mark.parametrize("value", ["gravel", "gate_load_1", "wpa2_personal", "gateLoad1", "17", "a b1"])
def test_what_names_are(value: str) -> None:
    assert not is_picked(value)


def test_a_page_is_no_configuration(credentials: Credentials) -> None:
    one = member("www/a.html", "<html>\n<p>proxy://feed:guest@10.20.0.5:5192</p>\n</html>\n")
    (shown,) = credentials.check(replace(one, format="html"), "b.zip")
    assert shown.confidence is Confidence.MEDIUM


def test_a_list_without_a_suffix_is_no_configuration(look: Look) -> None:
    words = "".join(f"word{n}:w'd{n}\n" for n in range(8000))
    (small,) = look("share/gate", "user = feed\npassword = gravel77\n")
    (large,) = look("share/gate", f"{words}pass:pA5,J1%\n")
    assert (small.confidence, large.confidence) == (Confidence.HIGH, Confidence.MEDIUM)


def test_a_text_that_is_packed_into_a_program_is_its_manual(credentials: Credentials) -> None:
    text = "Example:\n  curl -u feed:gravel77 https://quay.plant.local\n"
    one = member("bin/gate", text)
    (alone,) = credentials.check(one, "b.zip")
    (packed,) = credentials.check(replace(one, parts=("bin/gate", "<data at 4096>", "<content>")), "b.zip")
    assert (alone.confidence, packed.confidence) == (Confidence.HIGH, Confidence.MEDIUM)


def test_lines_that_nobody_wrote_are_less_sure(look: Look) -> None:
    (written,) = look("www/a.py", PAIR)
    (packed,) = look("www/a.py", f"{'x = 1; ' * 80}{PAIR.replace(chr(10), '; ')}\n")
    assert (written.confidence, packed.confidence) == (Confidence.HIGH, Confidence.MEDIUM)


def test_two_words_on_a_line_of_a_list_are_no_account(look: Look) -> None:
    (alone,) = look("etc/gate/users.passwd", "feed:gravel77\n")
    assert alone.confidence is Confidence.HIGH
    words = "".join(f"word{n}\n" for n in range(400))
    assert all(f.confidence < Confidence.HIGH for f in look("share/tried", f"{words}carson city\n{words}"))


def test_a_call_is_a_program_s_whatever_holds_it(look: Look) -> None:
    (filled,) = look("share/snippets.xml", "<before>$q = mysql_connect('%0', '%1', '%2');</before>\n")
    (given,) = look("share/form.xml", "<code>$q = mysql_connect('quay', 'feed', 'Gr4velpit');</code>\n")
    assert (filled.confidence, given.confidence) == (Confidence.MEDIUM, Confidence.HIGH)


def test_of_a_directory_of_people_the_first_are_sure(look: Look) -> None:
    people = "".join(
        f"dn: uid=feed{n},ou=quay\nuid: feed{n}\nuserPassword: Gravel{n}!pit\n\n" for n in range(60)
    )
    found = [f.confidence for f in look("share/plant.ldif", people)]
    assert found == [Confidence.HIGH] * 24 + [Confidence.MEDIUM] * 36


def test_of_many_drawn_values_each_is_sure(look: Look) -> None:
    drawn = [b64encode(hashlib.sha256(bytes((n,))).digest()).decode()[:24] for n in range(40)]
    found = look("etc/gate.ini", "".join(f"db{n}_password = {value}\n" for n, value in enumerate(drawn)))
    assert [f.confidence for f in found] == [Confidence.HIGH] * 40
