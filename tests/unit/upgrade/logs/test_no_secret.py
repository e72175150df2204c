"""No report of a log holds a secret: forms in many languages, each with a secret drawn when the test runs."""

from __future__ import annotations

import os
import secrets
import string
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bundle.redact.lines import clear, redacted
from hardening.cli import run
from hardening.errors import ExitCode
from hardening.findings import Run
from hardening.host.playbook import HostReceipt, Receipt
from hardening.reports import WRITERS, render
from hardening.upgrade import upgrade_report
from hardening.upgrade.logs.patterns import examples, load, shipped
from hardening.upgrade.logs.triage import Triage
from tests.support.places import DATA

FORMS = tomllib.loads((DATA / "upgrade/logs/secret_forms.toml").read_text("utf-8"))
NAMED = [(name, form) for name, one in FORMS.items() for form in one["named"]]
BARE = [(name, form) for name, one in FORMS.items() for form in one["bare"]]
ALNUM = string.ascii_letters + string.digits
PLAIN = (
    "dragonfly",
    "Sommer",
    "butterfly",
    "installer",
    "drachen",
    "server",
    "kohlrabi",
    "MOTHER",
)
"""Words that a person takes for a password."""


def _letters(count: int, among: str = ALNUM) -> str:
    """Return letters and digits of which there are both, as a generator makes them."""
    made = "".join(secrets.choice(among) for _ in range(count - 2))
    return secrets.choice("QWXZ") + made + secrets.choice("qwxz") + secrets.choice(string.digits)


def _run(tmp_path: Path, forms: list[str]) -> Run:
    """Triage the lines, thirty a log: of one log fifty unknown kinds are told apart."""
    paths = []
    for start in range(0, len(forms), 30):
        path = tmp_path / f"log-{start}.log"
        path.write_text("".join(f"error: {form}\n" for form in forms[start : start + 30]), "utf-8")
        paths.append(path)
    made = Triage().logs(paths)
    assert sum("further unknown" in f.evidence for f in made.findings) == 0
    return made


TEXTS = [one.name for one in WRITERS if not one.binary]


def _leaks(made: Run, secret: str) -> list[str]:
    """Return in which formats, and in which evidence, the secret is."""
    bodies = {name: render(name, made, fail_on=None, verbose=2).decode() for name in TEXTS}
    found = [name for name, body in bodies.items() if secret in body]
    return found + [f.evidence for f in made.findings if secret in f.evidence] + [
        f.fingerprint for f in made.findings if secret in f.fingerprint
    ]  # fmt: skip


def test_there_are_as_many_forms_as_it_takes() -> None:
    assert len(NAMED) + len(BARE) >= 200
    assert len(FORMS) >= 12
    assert len({form for _, form in NAMED + BARE}) == len(NAMED + BARE)


@pytest.mark.parametrize("secret", PLAIN)
def test_a_plain_word_behind_a_word_for_a_secret_is_masked(secret: str) -> None:
    leaks = [form for _, form in NAMED if secret in redacted(f"error: {form.replace('SECRET', secret)}")]
    assert leaks == []


def test_an_ordinary_line_stays_as_it_is() -> None:
    """Of the shipped examples none changes, so that what a report quotes can be read."""
    changed = [text for _, text in examples(shipped()) for line in text.splitlines() if clear(line) != line]
    assert changed == []


@pytest.mark.parametrize(
    "line",
    [
        "dpkg: error processing package libapache2-mod-php7.4:amd64 (1:7.4.33-1+deb11u5) (--configure)",
        "httpd-2.2.15-69.el6.centos.x86_64.rpm: Header V3 RSA/SHA1 Signature",
        "cannot open /usr/lib64/httpd/modules/mod_ssl.so: No such file or directory",
        "connect to 10.2.0.17 port 3306 failed: Connection refused",
        "2026-12-01T10:12:33.123Z mysqld[4711]: Table 'aspect.trend_log' doesn't exist",
        "Access denied for user 'root'@'localhost' (using password: YES)",
        "password authentication failed for user",
        "syntax error near unexpected token `newline'",
        "Exception in thread main java.lang.NullPointerException at com.example.server.Main.run(Main.java:42)",
        "upgrade 20261201T101233Z-0a1b2c3d to 3.07.02 is lost: its journal was taken away",
        "the disk /dev/sda1 has 4096 of 8192 MB free (50%), 12.5 GB are needed",
        "Failed password for invalid user from 192.0.2.7 port 42393 ssh2",
    ],
)
def test_ordinary_syntax_is_shown(line: str) -> None:
    assert clear(line) == line


def test_the_fingerprint_does_not_depend_on_the_secret(tmp_path: Path) -> None:
    prints = set()
    for _ in range(3):
        (finding,) = _run(tmp_path, [f"login of bob with {_letters(14)} denied"]).findings
        prints.add(finding.fingerprint)
    assert len(prints) == 1


def test_a_word_of_the_users_own_message_is_explained(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        "[[message]]\nid = 'site-7'\nclass = 'benign'\nprogram = 'engine'\nregex = 'fatal: Qx7driver \\S+'\n"
        "why = 'the spare driver is not fitted here'\naction = 'none'\n"
    )
    log = tmp_path / "a.log"
    log.write_text("fatal: Qx7driver Zz9Kq2Wm is gone\n")
    (finding,) = Triage(load(own)).logs([log]).findings
    assert finding.evidence == "fatal: Qx7driver *** is gone"


def test_an_upgrade_report_holds_none() -> None:
    secret = _letters(14)
    for state in ("unfit", "rolled-back", "broken", "unfinished"):
        told = {"state": state, "problems": [f"the installer said: login with {secret} denied"]}
        row = {"outcome": "failed", "result": {"upgrade": told, "failed": True, "msg": f"exit 3: {secret}"}}
        receipt = Receipt(code=2, hosts=(HostReceipt(host="a", tasks=[row]),), output="")
        made = upgrade_report.judged(receipt, datetime(2026, 1, 1, tzinfo=UTC))
        assert _leaks(made, secret) == []
        assert made.findings


def test_lines_are_shown_at_a_terminal_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = _letters(14)
    log = tmp_path / "a.log"
    log.write_text(f"error: login with {secret} denied\n")
    refused = (
        "harden: --show-lines prints lines that may hold secrets, so it needs a terminal and the text format\n"
        "  next: run it at a terminal without -o and --format; files from --report stay masked\n"
    )
    assert run(["logs", "triage", str(log), "--show-lines"]) == ExitCode.USAGE
    assert capsys.readouterr().err == refused

    harden = Path(sys.executable).with_name("harden")
    report = tmp_path / "r.json"
    parent, child = os.openpty()
    words: list[str | Path] = [harden, "logs", "triage", log, "--show-lines", "--report", f"json={report}"]
    done = subprocess.run(words, stdout=child, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    os.close(child)
    shown = b""
    while True:
        try:
            piece = os.read(parent, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(parent)
    assert done.returncode == ExitCode.FINDINGS, done.stderr
    assert f"{log}:1: error: login with {secret} denied" in shown.decode()
    assert shown.decode().count(secret) == 1
    assert secret not in report.read_text()
