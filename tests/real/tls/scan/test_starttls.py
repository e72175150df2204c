"""Every protocol's way to TLS, as the other side of the conversation sees it."""

from __future__ import annotations

import socketserver
import threading
import time

import pytest

from hardening.errors import ExitCode
from hardening.findings import Severity
from hardening.tls import policy
from hardening.tls.scan.run import scan


class _Smtp(socketserver.StreamRequestHandler):
    """SMTP without TLS; the greeting comes late."""

    delay = 0.0
    answer = b"250-mail\r\n250 8BITMIME\r\n"

    def handle(self) -> None:
        time.sleep(self.delay)
        self.wfile.write(b"220 mail\r\n")
        self.rfile.readline()
        self.wfile.write(self.answer)
        if self.rfile.readline():
            self.wfile.write(b"502 not here\r\n")


@pytest.mark.parametrize(
    ("delay", "answer"),
    [
        (0.0, _Smtp.answer),
        (0.0, b"250-mail\r\n250 XXXXXXXA\r\n"),
        (3.0, _Smtp.answer),
        (3.0, b"250-mail\r\n250 STARTTLS\r\n"),
    ],
    ids=["not offered", "overwritten", "not offered, slow", "refused, slow"],
)
def test_mail_without_starttls_is_a_finding_under_every_policy(delay: float, answer: bytes) -> None:
    """It was `nothing could be examined`, exit 3; a slow banner was `silence before TLS`."""
    handler = type("Handler", (_Smtp,), {"delay": delay, "answer": answer})
    names = ("aspect", "pci-dss-4.0.1", "mozilla-old-5.8")
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            run = scan([f"smtp://127.0.0.1:{server.server_address[1]}"], [policy.load(n) for n in names])
        finally:
            server.shutdown()
            thread.join()
    (subject,), (finding,) = run.subjects, run.findings
    assert subject.policies == dict.fromkeys(names, "fail")
    assert (finding.rule.id, finding.level) == ("tls/no-starttls", Severity.HIGH)
    assert finding.policies == tuple(sorted(names))
    assert "mail and passwords go in clear text" in finding.message
    assert "firewall" in finding.advice
    assert finding.advice.startswith("Switch the inspection of mail off") is (b"XXXX" in answer)
    assert run.exit_code() is ExitCode.FINDINGS
