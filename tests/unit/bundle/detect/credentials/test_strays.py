"""Sentences in any wording that speak of a password and hold one word that can be nothing else."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bundle.detect.credentials import Credentials
from bundle.detect.credentials.prose import words
from bundle.detect.credentials.prose.sentences import read
from hardening.findings import Confidence, InFile, Severity
from tests.support.bundle.detect.credentials.plant.members import member

WORDINGS = (
    "The panel in the cellar lets you in as keeper with @@ (that's the password, do not lose it).",
    "Passwords were rotated after the visit; the web server has @@.",
    "If it asks for a password, @@ works on every unit.",
    "Ask Bea for the password. Update: Bea left, it's @@.",
    "Same password as last year, @@, on all controllers",
    "SSID PLANT-NET, password on the sticker, otherwise @@",
    "zip is protected, pw @@",
    "Das Passwort @@ gilt auf allen Anlagen.",
    "Le mot de passe du routeur reste @@",
    "Heslo je @@",
    "Adgangskoden er @@",
)
VALUES = ("Wq7rMz41Ks", "Gravel2023!", "p9$Lw3xR", "pebble63quay", "changeme")


def said(
    credentials: Credentials, line: str, path: str = "docs/NOTES.txt"
) -> list[tuple[Confidence, Severity]]:
    text = f"Notes for the site\n==================\n\nSome words about the plant.\n\n{line}\n\nMore words follow.\n"
    found = credentials.check(member(path, text), "b.zip")
    return [(f.confidence, f.level) for f in found if isinstance(f.location, InFile) and f.location.line == 6]


@pytest.mark.parametrize("wording", WORDINGS)
@pytest.mark.parametrize("value", VALUES)
def test_a_password_in_any_wording(credentials: Credentials, wording: str, value: str) -> None:
    assert said(credentials, wording.replace("@@", value)) == [(Confidence.MEDIUM, Severity.LOW)]


@pytest.mark.parametrize(
    "line",
    [
        "Further PKCS#12 integration for password based encryption",
        "Pass v4l2_pix_fmts to the printer of a password",
        "The password is stored as SHA256 or as PBKDF2 with 10000 rounds",
        "A password must have 8 characters, a digit and a sign, as in Gravel2023!",
        "A strong password such as Wq7rMz41Ks takes years",
        "Both passwords are cracked sooner than Dxk7+15Nq",
        "Fixes the dialog for passwords (commit 3f9a2b7c1d, r31046, bnc#867365)",
        "Passwords: see GHSA-6jmc-h6f2-46j4 and CVE-2021-44228",
        "The password is asked for on x86_64 and on arm64v8 boards",
        "Put libpam0g, win32api or base64url beside the password",
        "Serial of the password token: Wq7rMz41Ks",
        "The password dialog on k3-am62x-phyboard-lyra",
        "Change the password on 2023-11-28 at 10:40, room B204, phone 5551234",
        "The manual of the password dialog is gravel77pit.pdf",
        "Tell Wq7rMz41Ks or Lp4tVn88Qd from a password",
    ],
)
def test_other_words_with_digits_are_none(credentials: Credentials, line: str) -> None:
    assert [one for one in said(credentials, line) if one[0] >= Confidence.MEDIUM] == []


def test_both_engines_say_the_same(credentials: Credentials, plain: Credentials) -> None:
    for wording in WORDINGS:
        line = wording.replace("@@", VALUES[0])
        assert said(credentials, line) == said(plain, line)


@given(st.from_regex(r"[A-Za-z0-9!@$%&*?+._-]{1,20}", fullmatch=True))
@example("changeme")
@example("Gravel2023!")
def test_what_can_be_nothing_else_has_what_is_looked_for_first(word: str) -> None:
    for line in (word, f"It is ({word}).", f"<b>{word}</b>", f"x `{word}`-->"):
        spans = [(first, last) for _, first, last in read(line).places]
        if any(words.can_be_nothing_else(line[first:last]) for first, last in spans):
            assert words.promise(line) & words.STRAY
