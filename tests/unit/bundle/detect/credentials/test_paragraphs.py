"""A sentence that goes on over the end of a line is read like one that does not, wherever the line ends."""

from __future__ import annotations

import pytest

from bundle.detect.credentials import Credentials
from hardening.findings import Confidence, InFile
from tests.support.bundle.detect.credentials.plant.members import member

SECRET = "Kx7pQ2zL9w"
TOLD = (
    f"The web interface is reached at port 8080. The default user name is admin and the default password is {SECRET}.",
    f"To log in for the first time use the account installer with the password {SECRET} and change it at once.",
    f"After the upgrade the administrator account (user: admin, password: {SECRET}) has to be changed by the engineer.",
    f"The controller ships with a service account. Its password is {SECRET} unless the site has chosen another one.",
    f"Connect a laptop to the service port, open a session and log in as root with the password {SECRET} to see the log.",
    f"Melden Sie sich nach der Aktualisierung als Benutzer wartung mit dem Passwort {SECRET} an der Konsole an.",
)
NONE = (
    "Choose a word of your own for the account that you log in with, and never give the password\nto anybody, not even where Plant7keeper asks for it.",
    "The table below says what the engineer has to type where the panel asks for the password\n\nKx7pQ2zL9w",
    "The port of the service is 7226, which the control engine opens when the password\nis set by the administrator of the site.",
    "Firmware versions that ask for a password\tthe model that they are for and a password\nKx7pQ2zL9w\tA1\tno",
    "Log in as admin with the password\nWindows10x is too old for it.",
    "1\tLog in as the account admin with the password\nKx7pQ2zL9w\tmodel\tno",
    "Log in as the account admin with the password -\nKx7pQ2zL9w is the number of a part.",
    "Open the panel as the user admin with the password |\nKx7pQ2zL9w is the number of a part.",
    "| The panel has the account admin with the password\n| Kx7pQ2zL9w | the number of a part |",
    "- Log in as the account admin with the password\n- Kx7pQ2zL9w is the number of a part.",
    "# The panel has the account admin with the password\n> Kx7pQ2zL9w is the number of a part.",
)


def places(detector: Credentials, path: str, text: str) -> set[tuple[int | None, int | None]]:
    return {
        (finding.location.line, finding.location.column)
        for finding in detector.check(member(path, text.encode()), "b")
        if finding.confidence >= Confidence.MEDIUM and isinstance(finding.location, InFile)
    }


def wrapped(told: str, mark: str, end: str) -> list[tuple[str, int]]:
    """Return a sentence with one end of a line in each place that leaves both lines long enough, and where its password is then."""
    words = told.split()
    at = next(number for number, word in enumerate(words) if SECRET in word)
    breaks = [n for n in range(max(1, at - 3), at + 2) if len(" ".join(words[:n])) > 45]
    before = f"{mark}Some words stand before it.{end}{mark}{end}".replace(
        f"{mark}{end}", f"{mark.rstrip()}{end}"
    )
    return [
        (f"{before}{mark}{' '.join(words[:n])}{end}{mark}{' '.join(words[n:])}{end}", 3 + (at >= n))
        for n in breaks
    ]


@pytest.mark.parametrize("told", TOLD, ids=range(len(TOLD)))
@pytest.mark.parametrize(
    ("path", "mark", "end"),
    [("INSTALL.txt", "", "\n"), ("notes.txt", "   ", "\r\n"), ("README.md", "> ", "\n"), ("etc/plant.conf", "# ", "\n"), ("etc/plant.conf", ";  ", "\n")],
)  # fmt: skip
def test_wherever_the_line_ends(credentials: Credentials, told: str, path: str, mark: str, end: str) -> None:
    for text, line in wrapped(told, mark, end):
        column = text.split("\n")[line - 1].index(SECRET) + 1
        assert places(credentials, path, text) == {(line, column)}, text


@pytest.mark.parametrize("text", NONE, ids=range(len(NONE)))
def test_lines_that_do_not_go_on_tell_nothing(credentials: Credentials, text: str) -> None:
    assert places(credentials, "INSTALL.txt", f"Words before.\n\n{text}\nWords behind.\n") == set()


@pytest.mark.parametrize("sign", ["-", "a-", "-a", "- ", "a--", "a -", "'", "a'"])
def test_no_line_of_signs_is_read_for_ever(credentials: Credentials, sign: str) -> None:
    line = sign * (500 // len(sign))
    text = f"Words of a line that is full and goes on with the next one\n{line} x of the keeper's password\n{line}\n"
    assert places(credentials, "INSTALL.txt", text) == set()
