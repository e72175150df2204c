"""The trace in docs/mailer-measured.md: real commands against the double, what each side said. `python -m tests.support.mailer.trace` writes it."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.mailer.fake_m365 import Fake
from tests.support.mailer.fixtures import Site
from tests.support.mailer.relayed import Relay

PAGE = Path(__file__).resolve().parents[3] / "docs" / "mailer-measured.md"
BEGIN, END = "<!-- trace: python -m tests.support.mailer.trace -->\n", "<!-- end of trace -->\n"
WAYS = (
    ("graph", "--transport graph"), ("graph as JSON", "--transport graph --json"), ("smtp", "--transport smtp"),
    ("ews", "--transport ews"),
)  # fmt: skip


def trace() -> str:
    """Return the section between the marks, the same on every run."""
    parts = []
    with tempfile.TemporaryDirectory() as folder, Fake(Path(folder)).running() as fake:
        site = Site(fake, Path(folder) / "site", "graph", "smtp", "ews")
        for title, words in WAYS:
            fake.log.clear()
            argv = [
                "mailer",
                "send",
                "-c",
                str(site.config),
                "--subject",
                "Fan 3 failed",
                "--text",
                "Replace it.",
                "-v",
            ]
            program = "import sys; from hardening.cli import run; sys.exit(run(sys.argv[1:]))"
            done = subprocess.run(
                [sys.executable, "-c", program, *argv, *words.split()],
                capture_output=True,
                text=True,
                check=True,
            )
            shown = f"$ harden mailer send --subject 'Fan 3 failed' --text 'Replace it.' -v {words}"
            parts.append(_part(title, [shown, *done.stdout.splitlines()], fake, site))
        site.write(transports=["graph", "smtp"])
        relay = Relay(site, sys.executable)
        fake.log.clear()
        fake.fault("graph", (503, b""))
        try:
            mail = "Subject: Fan 3 failed\nX-Alarm-Id: A-17\n\nReplace it.\n"
            assert relay.start().run("sendmail", "-t", text=mail).returncode == 0
            assert relay.drained()
        finally:
            relay.kill()
        fake.log[:] = [
            one for one in fake.log if re.search("POST|TLS|AUTH XO|235|2.0.0 OK", one)
        ]  # the dialogue is above
        shown = mail.replace("\n", "\\n")
        said = [f"$ printf '{shown}' | sendmail -t        # Graph answers 503 once"]
        parts.append(_part("the relay, failing over", said, fake, site))
    return "\n".join(parts)


def _part(title: str, shown: list[str], fake: Fake, site: Site) -> str:
    arrived = fake.accepted[-1]
    lines = [*shown, *fake.log, f"  arrived by {arrived.transport} for {', '.join(arrived.recipients)}"]
    text = "\n".join(lines)
    assert site.secret not in text
    assert "eyJ" not in text
    text = text.replace(site.app.client_id, "CLIENT-ID").replace(fake.tenant, "TENANT-ID")
    text = re.sub(r"<[0-9][^@<>]*@example\.com>", "<ID@example.com>", text)
    text = re.sub(r"\(([0-9a-f-]{36})\)", "(REQUEST-ID)", text)
    text = re.sub(r"\[\d+ bytes of mail\]", "[the mail]", text)
    text = re.sub(
        r"(?mi)^  C: (mail|rcpt) (from|to):", lambda m: f"  C: {m[1].upper()} {m[2].upper()}:", text
    )
    text = re.sub(r"(?mi)^  C: (ehlo|quit|data|rset)\b", lambda m: f"  C: {m[1].upper()}", text)
    text = re.sub(r"(?m)^  C: EHLO .*", "  C: EHLO host", text)
    return f"{title}:\n\n```\n{text}\n```\n"


def main() -> None:
    """Write the section anew."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + trace() + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
