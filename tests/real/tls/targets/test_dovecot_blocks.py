"""Blocks and groups of Dovecot 2.4: which settings of TLS hold for a connection, as the real server has it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from hardening.tls.auditing import audit as audits
from hardening.tls.offer import Offer
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from tests.support.ports import free_port
from tests.support.tls import compared, servers

WEAK = "  ssl_cipher_list = AES128-SHA\n"
STRICT = "ssl_cipher_list = ECDHE+AESGCM\n"
GROUP = f"group @ssl weak {{\n{WEAK}}}\n"
TEXTS = {
    "service": (f"{STRICT}service imap-login {{\n{WEAK}}}\n", "imap-login"),
    "listener": (f"{STRICT}service imap-login {{\n  inet_listener imaps {{\n{WEAK}  }}\n}}\n", "dovecot"),
    "group": (f"{GROUP}@ssl = weak\n", "dovecot"),
    "group over nothing": (f"{STRICT}{GROUP}@ssl = weak\n", "dovecot"),
    "group before": (f"@ssl = weak\n{STRICT}{GROUP}", "dovecot"),
    "group in a protocol": (f"{STRICT}{GROUP}protocol imap {{\n  @ssl = weak\n}}\n", "imap"),
    "unused group": (f"{GROUP}{STRICT}", "dovecot"),
    "protocol": (f"{STRICT}protocol imap {{\n{WEAK}}}\n", "imap"),
    "another protocol": (f"{STRICT}protocol pop3 {{\n{WEAK}}}\n", "dovecot"),
}
"""Each with the subject whose offer the listener for IMAP with TLS has."""


def _suites(offer: Offer) -> set[str]:
    return set(compared.seen_in(offer)["TLSv1.2"])


NAMED = "local_name www.example {\n  ssl_cipher_list = AES128-SHA256\n}\n"
BY_NAME = {
    "a name, then its protocol": f"{STRICT}{NAMED}protocol imap {{\n{WEAK}}}\n",
    "a protocol, then a name": f"{STRICT}protocol imap {{\n{WEAK}}}\n{NAMED}",
    "a protocol, and a name without a list": f"{STRICT}protocol imap {{\n{WEAK}}}\nlocal_name www.example {{\n  ssl_cipher_suites = TLS_AES_128_GCM_SHA256\n}}\n",
}


@pytest.mark.parametrize("case", sorted(BY_NAME))
def test_a_name_and_a_protocol_meet_as_they_answer(case: str) -> None:
    _compare(BY_NAME[case], "www.example", "www.example")


def test_the_level_of_a_name_decides_on_the_versions_of_the_whole() -> None:
    own = "local_name www.example {\n  ssl_min_protocol = TLSv1.2\n  ssl_cipher_list = ECDHE+AES:@SECLEVEL=0\n}\n"
    _compare(f"ssl_min_protocol = TLSv1.1\n{STRICT}{own}", "www.example", "www.example")


@pytest.mark.parametrize("case", sorted(TEXTS))
def test_a_block_is_read_as_it_answers(case: str) -> None:
    _compare(*TEXTS[case])


def test_a_block_leaves_nothing_of_what_it_overrules_on_its_listeners(tmp_path: Path) -> None:
    path = tmp_path / "dovecot.conf"
    path.write_text(
        f"ssl = yes\nprotocols = imap pop3\n{STRICT}protocol imap {{\n{WEAK}}}\nprotocol lmtp {{\n{WEAK}}}\n"
    )
    target = find("dovecot")
    read = audits.read(path, target, version=target.facts.default)
    subjects = sorted(name.rpartition("#")[2] for o in read for name in (o.subject, *o.also))
    assert [one for one in subjects if not one.startswith("lmtp")] == [
        "dovecot:110",
        "dovecot:995",
        "imap:143",
        "imap:993",
    ]
    assert any(one.startswith("lmtp") for one in subjects), "its listeners stand elsewhere"


def _compare(text: str, subject: str, name: str | None = None) -> None:
    servers.needed("dovecot")
    with tempfile.TemporaryDirectory(prefix="harden-blocks-") as made_in:
        folder = Path(made_in)
        folder.chmod(0o755)
        pair, port = servers.pair("rsa", folder / "certificates"), free_port()
        files = f"ssl = yes\nssl_server_cert_file = {pair.certificate}\nssl_server_key_file = {pair.key}\n"
        main = servers.write("dovecot", files + text, folder / "server", port, pair)
        target = find("dovecot")
        read = {
            o.subject.rpartition("#")[2].partition(":")[0]: o
            for o in audits.read(main, target, version=target.facts.default)
        }
        with servers.running("dovecot", main, port):
            (seen,) = scans.offers([f"127.0.0.1:{port}"], scans.ScanSettings(full=True, sni=name))
    assert compared.seen_in(read[subject]).keys() == compared.seen_in(seen).keys()
    assert _suites(read[subject]) == _suites(seen)
