"""Key agreement and the last days of keys stand in every format that has a place for a server."""

from __future__ import annotations

import io
import zipfile

import pytest

from hardening.findings import Run, Severity
from hardening.reports import WRITERS, render
from hardening.tls import policy
from hardening.tls.auditing.audit import audit
from tests.support.reports.fixtures import STARTED

NGINX = "events {}\nhttp { server { listen 443 ssl; ssl_protocols TLSv1.2; ssl_ciphers ECDHE+AESGCM; } }\n"
LINES_ABOUT_FINDINGS = {"gitlab-sast", "gitlab-secrets", "codequality", "github"}
"""These have findings alone."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("readiness") / "nginx.conf"
    path.write_text(NGINX)
    found = audit([path], [policy.load("aspect")])
    return Run.of(found.subjects, found.findings, found.results, started=STARTED, finished=STARTED)


@pytest.mark.parametrize(
    "name", [one.name for one in WRITERS if one.name not in LINES_ABOUT_FINDINGS | {"pdf"}]
)
def test_a_report_has_the_key_agreement(name: str, run: Run) -> None:
    body = render(name, run, fail_on=Severity.MEDIUM, verbose=1)
    if name == "xlsx":
        parts = zipfile.ZipFile(io.BytesIO(body))
        body = b"".join(parts.read(one) for one in parts.namelist())
    text = body.decode("utf-8", "replace")
    assert "NIST IR 8547" in text if name != "cbom" else "cannot" in text
