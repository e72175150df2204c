"""What Mozilla's generator makes for each server and level passes the policy of that level, or the table says why not."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hardening.findings import Verdict
from hardening.tls import policy
from hardening.tls.auditing.audit import audit
from hardening.tls.auditing.mains import AuditInput
from hardening.tls.auditing.shared import Audited
from hardening.tls.targets import find
from tests.support.places import ROOT
from tests.support.tls.corpora import tables

SERVERS = {
    "apache": "httpd", "coturn": "coturn", "dovecot": "dovecot", "exim": "exim", "haproxy": "haproxy", "jetty": "jetty",
    "lighttpd": "lighttpd", "mysql": "mysql", "nginx": "nginx", "postfix": "postfix", "postgresql": "postgresql",
    "proftpd": "proftpd", "redis": "redis", "squid": "squid", "stunnel": "stunnel", "tomcat": "tomcat",
}  # fmt: skip
"""The generator's name of a server, and ours. What it has beside these (Caddy, Go, AWS) is no target."""
FILES = {"postfix": "main.cf", "tomcat": "server.xml", "mysql": "my.cnf", "jetty": "jetty-ssl-context.xml"}
NEWEST = (("modern", "6.0"), ("intermediate", "6.0"), ("old", "5.8"))
BEFORE = tuple(
    (level, edition) for edition in ("5.8", "5.7", "5.0") for level in ("modern", "intermediate", "old")
)
Case = tuple[str, str, str, str, str]


def cases() -> Iterator[Case]:
    """Yield server, release, build, level and edition: the newest editions for every release, the others for the one assumed."""
    for server, name in SERVERS.items():
        facts = find(name).facts
        for release in facts.releases:
            editions = dict.fromkeys((*NEWEST, *(BEFORE if release.version == facts.default else ())))
            yield from ((server, release.version, release.openssl, *one) for one in editions)


def generated(every: Sequence[Case], folder: Path) -> list[str]:
    """Return what the generator makes of each case."""
    requests = []
    for server, release, build, level, edition in every:
        number = re.match(r"\d+(?:\.\d+)+[a-z]?", build)  # a JDK has none, and the page has its own default
        requests.append(
            {"server": server, "version": release.partition("-")[0], "openssl": number[0] if number else "4.0.0",
             "config": level, "guideline": edition}
        )  # fmt: skip
    program = ROOT / "tests/support/tls/corpora/generator.mjs"
    done = subprocess.run(
        ["node", str(program), str(tables.modules("esbuild", "semver")), str(folder)],
        input=json.dumps(requests), stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    texts: list[str] = json.loads(done.stdout)
    return texts


def certificate(kind: str, folder: Path) -> None:
    """Write a certificate of 80 days and its key, as the guidelines ask for it."""
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
    now, name = datetime.now(UTC), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "www.example.org")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(7).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(79))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("www.example.org")]), critical=False)
    text = made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / f"{kind}.crt").write_bytes(text)
    (folder / f"{kind}.key").write_bytes(secret)
    (folder / f"{kind}.pem").write_bytes(text + secret)


def with_files(text: str, server: str, level: str, folder: Path, dh: Path) -> str:
    """Return the text with files that are there for those that it says to replace, in the frame that it is pasted into."""
    kind = "ec" if level == "modern" or server == "proftpd" else "rsa"

    def file(found: re.Match[str]) -> str:
        word = found[1]
        end = "crt"
        if "dhparam" in word and "cert" not in word:
            return str(dh)
        if word == "key_store":
            return found[0]
        if "privkey" in word or "and_dhparams" in word or word == "signed_cert_plus_private_key":
            end = "pem"
        elif "key" in word:
            end = "key"
        return str(folder / f"{kind}.{end}")

    text = re.sub(r"/path/to/(<[^>]*>|[\w.-]+)", file, text)
    return f"<Server><Service>{text}</Service></Server>" if server == "tomcat" else text


def verdict(found: Audited, name: str) -> str:
    """Return the worst verdict of a policy with the rules that do not pass, and `unread` for what was not understood."""
    words = {one.policies.get(name, "none") for one in found.subjects}
    worst = next(word for word in ("fail", "unknown", "none", "pass") if word in words)
    rules = {
        f"{one.rule.id.rpartition('/')[2]}{'' if one.verdict is Verdict.FAIL else '?'}"
        for one in found.results
        if one.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR)
    }
    unread = {
        one.rule.id.rpartition("/")[2]
        for one in found.findings
        if one.rule.id.startswith(("walk/", "config/"))
    }
    return " ".join([worst, *sorted(rules), *sorted(unread)])


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The verdict of each output, by its row's name."""
    corpus, folder = tables.corpus("ssl-config-generator"), tmp_path_factory.mktemp("mozilla")
    for kind in ("ec", "rsa"):
        certificate(kind, folder)
    every = list(cases())
    said = {}
    for case, text in zip(every, generated(every, corpus), strict=True):
        server, release, _, level, edition = case
        path = folder / FILES.get(server, f"{server}.conf")
        path.write_text(with_files(text, server, level, folder, corpus / "src/static/ffdhe2048.txt"))
        name = f"mozilla-{level}-{edition}"
        asked = AuditInput(target=find(SERVERS[server]), version=release)
        said[f"{SERVERS[server]} {release} {level}-{edition}"] = (
            verdict(audit([path], [policy.load(name)], asked), name) if text else "refused"
        )
    return said


def test_what_the_generator_makes(found: dict[str, str], request: pytest.FixtureRequest) -> None:
    tables.same("mozilla", found, "pass".__eq__, rewrite=request.config.getoption("--regolden"))
