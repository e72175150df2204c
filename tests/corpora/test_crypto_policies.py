"""What crypto-policies' generator wrote for each policy and module reads as the policy's own settings, or the table says why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hardening.tls.auditing.audit import read
from hardening.tls.offer import Offer
from hardening.tls.targets import find
from tests.support.tls.corpora import tables

BUILD, JDK = "3.5.9-debian13", "21.0.10"
CNF = """openssl_conf = openssl_init
[openssl_init]
ssl_conf = ssl_module
[ssl_module]
system_default = crypto_policy
[crypto_policy]
"""
"""How the distributions' openssl.cnf takes in the file of the policy."""
READ = {
    "opensslcnf": "openssl_cnf",
    "openssh": "openssh_client",
    "opensshserver": "openssh",
    "java": "java_security",
}
"""Which target reads a kind of file."""
NOT_READ = {
    "bind": "DNSSEC algorithms, no TLS",
    "gnutls": "GnuTLS's own configuration file: a target with GnuTLS names a priority string, and that is read",
    "krb5": "Kerberos encryption types, no TLS",
    "libreswan": "IPsec",
    "libssh": "a client library of SSH; no target uses it",
    "nss": "the policy of a library that no target is linked with",
    "openssl_fips": "whether the FIPS module asks for the extended master secret: the library's, not in an offer",
    "rpm-sequoia": "signatures of packages",
    "sequoia": "OpenPGP",
}


def parted(file: Path) -> tuple[str, str]:
    """Return policy and kind of a golden file."""
    kind = next(
        one for one in sorted({*READ, *NOT_READ}, key=len, reverse=True) if file.stem.endswith(f"-{one}")
    )
    return file.stem.removesuffix(f"-{kind}"), kind


def intended(corpus: Path, name: str, folder: Path) -> dict[str, Offer]:
    """Return what the settings of a policy and its modules come to, for OpenSSL and for sshd."""
    shutil.copytree(corpus / "policies", folder / "policies", dirs_exist_ok=True)
    (folder / "config").write_text(f"{name}\n")
    found = read(folder / "config", find("crypto_policies"), build=BUILD)
    return {one.subject.rpartition("#")[2]: one for one in found}


def suites(offer: Offer) -> set[str]:
    """Return version and suite of each pair that is offered."""
    return {f"{one.name} {suite.value}" for one in offer.protocols for suite in one.suites}


def groups(offer: Offer) -> set[str]:
    """Return the groups that are offered under any version."""
    return {str(group.value) for one in offer.protocols for group in one.groups}


def compared(what: str, found: set[str], wanted: set[str]) -> list[str]:
    """Return how many there are more and fewer than the policy means."""
    signs = (("+", found - wanted), ("-", wanted - found))
    return [f"{what} {sign}{len(some)}" for sign, some in signs if some]


def of_tls(offers: list[Offer], meant: Offer | None) -> str:
    """Compare what a file offers with what its policy means."""
    if meant is None or not offers:
        return "equal" if not offers and meant is None else "nothing"
    found = offers[0]
    words = compared("suites", suites(found), suites(meant)) + compared(
        "groups", groups(found), groups(meant)
    )
    return ", ".join(words) or "equal"


def of_ssh(offers: list[Offer], meant: Offer | None) -> str:
    """The same for the lists of SSH; a client's file has no host keys of its own."""
    found, wanted = (
        dict(one.ssh.lists) if one and one.ssh else {} for one in (next(iter(offers), None), meant)
    )
    words = [
        word
        for kind in ("kex", "ciphers", "macs", "host_keys")
        if kind in found and kind in wanted
        for word in compared(
            kind, {str(one.value) for one in found[kind]}, {str(one.value) for one in wanted[kind]}
        )
    ]
    return ", ".join(words) or "equal"


def verdict(corpus: Path, file: Path, folder: Path) -> str:
    """Return how what we read of a golden file differs from its policy."""
    name, kind = parted(file)
    meant = intended(corpus, name, folder)
    path = folder / {"opensslcnf": "openssl.cnf", "java": "java.security"}.get(kind, kind)
    path.write_text((CNF if kind == "opensslcnf" else "") + file.read_text())
    offers = read(path, find(READ[kind]), version=JDK if kind == "java" else None)
    return of_ssh(offers, meant.get("sshd")) if "ssh" in kind else of_tls(offers, meant.get("openssl"))


def test_golden_files(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    corpus = tables.corpus("fedora-crypto-policies")
    found = {}
    for file in sorted((corpus / "tests/outputs").glob("*.txt")):
        if parted(file)[1] in READ:
            found[file.stem] = verdict(corpus, file, tmp_path)
    tables.same("crypto_policies", found, "equal".__eq__, rewrite=request.config.getoption("--regolden"))
