"""What badssl.com calls bad is a finding, and what it calls secure is none, or the table says why not."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from OpenSSL.crypto import X509Store

from hardening.findings import Finding, Severity
from hardening.tls import policy
from hardening.tls.auditing.audit import audit
from hardening.tls.auditing.mains import AuditInput
from hardening.tls.targets import find
from tests.support.places import ROOT
from tests.support.tls.corpora import tables

DOMAIN = "badssl.test"
SEVERITIES = tuple(one.label for one in Severity)
NORMAL = f"sha256.{DOMAIN}:443"
"""A domain with their default settings and certificate: what is wrong with these is no matter of the others."""
BAD_CERTIFICATES = (
    "expired", "self-signed", "untrusted-root", "incomplete-chain", "reversed-chain", "sha1-2016", "sha1-2017",
    "sha1-intermediate",
)  # fmt: skip
BAD_LOCAL_CERTIFICATES = ("rsa512", "rsa1024", "md5")
BAD_PRIMES = ("dh480", "dh512", "dh1024", "dh-composite", "dh-small-subgroup")


def made(corpus: Path, folder: Path) -> Path:
    """Copy the repository, make its certificates and parameters with its own makefile, and return the copy.

    Keys are kept in the cache: one of 8192 bits takes a minute.
    """
    copy, keys = folder / "site", ROOT / ".cache/corpora/badssl-keys"
    shutil.copytree(corpus, copy)
    test = copy / "certs/sets/test"
    if keys.is_dir():
        shutil.copytree(keys, test / "pregen/key")
    small = ["openssl", "prime", "-generate", "-bits", "480", "-safe"]  # OpenSSL 3 makes no such parameters
    prime = int(subprocess.run(small, check=True, capture_output=True, text=True).stdout)
    (test / "pregen/dhparam/dh480.pem").write_text(_parameters(prime))
    command = ["make", "chains-prod", "chains-local", "dhparams", "O=sets/test", f"D={DOMAIN}"]
    subprocess.run(command, cwd=copy / "certs", check=True, capture_output=True)
    if not keys.is_dir():
        shutil.copytree(test / "gen/key", keys)
    shutil.copytree(test, copy / "certs/sets/current")
    places = {
        "domain": DOMAIN,
        "serving-path": str(copy),
        "cert-path": f"{copy}/certs/sets/current/gen/chain",
        "dhparam-path": f"{copy}/certs/sets/current/gen/dhparam",
    }
    for path in copy.rglob("*.conf"):
        text = re.sub(r"^---\n---\n", "", path.read_text())
        text = re.sub(r"\{\{ site\.([\w-]+) \}\}", lambda found: places.get(found[1], found[0]), text)
        path.write_text(text.replace("/etc/keys/", f"{copy}/certs/sets/current/gen/key/"))
    (copy / "main.conf").write_text(f"events {{}}\nhttp {{ include {copy}/nginx.conf; }}\n")
    return copy


def _parameters(prime: int) -> str:
    """Return a prime with generator 2 as a file of Diffie-Hellman parameters."""
    size = (prime.bit_length() + 8) // 8
    number = b"\x02" + bytes([size]) + prime.to_bytes(size, "big") + b"\x02\x01\x02"
    der = base64.encodebytes(b"\x30" + bytes([len(number)]) + number).decode()
    return f"-----BEGIN DH PARAMETERS-----\n{der}-----END DH PARAMETERS-----\n"


def told(corpus: Path) -> dict[str, str]:
    """Return what their dashboard expects a browser to do with a domain: connect (`yes`), `maybe`, or `no`."""
    text = (corpus / "domains/misc/badssl.com/dashboard/sets.js").read_text()
    found = {}
    for part in text.split("heading:")[1:]:
        word = re.findall(r'success: "(\w+)"', part)[0]
        for name, port in re.findall(r'subdomain: "([\w.-]+)"(?:, port: (\d+))?', part):
            found[f"{name}.{DOMAIN}:{port or 443}"] = word
    return found


def _key(one: Finding) -> tuple[str, str]:
    return one.rule.id, re.sub(r"#?\d{3,}", "", one.evidence)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """`EXPECTED WORST RULES` of each domain: what badssl expects, our worst severity, and what is wrong beyond the normal domain."""
    corpus = tables.corpus("badssl.com")
    copy = made(corpus, tmp_path_factory.mktemp("badssl"))
    store = X509Store()
    store.load_locations(str(copy / "certs/sets/test/gen/crt/ca-root.crt"))
    asked = AuditInput(
        target=find("nginx"), version="1.10.3-el6", build="1.0.2l-upstream",
        now=datetime.now(UTC) + timedelta(days=2),  # their certificate that expired is made for one day
        store=store,
    )  # fmt: skip
    said = audit([copy / "main.conf"], [policy.load("aspect")], asked)
    by_name: dict[str, list[Finding]] = {}
    for subject in said.subjects:
        by_name[subject.id] = [one for one in said.findings if subject.id in (one.subject, *one.also)]
    named = {name.rpartition("#")[2]: findings for name, findings in by_name.items()}
    usual = {_key(one) for one in named[NORMAL]}
    expected = told(corpus)
    verdicts = {}
    for name, findings in sorted(named.items()):
        own = [one for one in findings if _key(one) not in usual and one.level > Severity.INFO]
        worst = max((one.level for one in own), default=Severity.INFO).label
        rules = sorted({one.rule.id.removeprefix("tls/") for one in own})
        verdicts[name] = " ".join([expected.get(name, "-"), worst, *rules])
    return verdicts


_AGREED = {"no": ("medium", "high", "critical"), "yes": ("info", "low"), "maybe": SEVERITIES, "-": SEVERITIES}
"""The severities that fit what badssl expects."""


def agrees(verdict: str) -> bool:
    """Tell whether a verdict is what badssl expects."""
    expected, worst, *_ = verdict.split()
    return worst in _AGREED[expected]


def test_domains(found: dict[str, str], request: pytest.FixtureRequest) -> None:
    tables.same("badssl", found, agrees, rewrite=request.config.getoption("--regolden"))


@pytest.mark.parametrize(
    ("names", "part"),
    [(BAD_CERTIFICATES, "certificate-"), (BAD_LOCAL_CERTIFICATES, "certificate-"), (BAD_PRIMES, "dh-")],
    ids=["certificates", "certificates that no authority would issue", "primes"],
)
def test_each_bad_one_is_found(names: tuple[str, ...], part: str, found: dict[str, str]) -> None:
    assert [one for one in names if part not in found[f"{one}.{DOMAIN}:443"]] == []
