"""A server whose configuration says that it speaks without TLS is a finding under every policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardening.tls import policy as policies
from hardening.tls.auditing import audit as audits

SMTP = "smtp inet n - n - - smtpd\n"
CLEAR = {
    "postfix, nothing about TLS": ("postfix/main.cf", "myhostname = a.example\n", "", "smtpd_tls_security_level is not set"),
    "postfix, switched off": ("postfix/main.cf", "myhostname = a.example\nsmtpd_tls_security_level = none\n", SMTP, "smtpd_tls_security_level = none"),
    "postfix, which encrypts what it sends alone": ("main.cf", "myhostname = a.example\nsmtp_tls_security_level = may\nsmtpd_tls_cert_file = /a.pem\n", "", "smtpd_tls_security_level is not set"),
    "postfix at a level that overrules an older switch": ("main.cf", "myhostname = a.example\nsmtpd_tls_security_level = none\nsmtpd_use_tls = yes\n", "", "smtpd_tls_security_level = none"),
    "postfix, one service": ("postfix/main.cf", "myhostname = a.example\n", SMTP + "submission inet n - n - - smtpd\n  -o smtpd_tls_security_level=encrypt\n", "smtpd on port smtp"),
    "dovecot": ("dovecot.conf", "protocols = imap\nssl = no\n", "", "ssl = no"),
    "vsftpd, not set": ("vsftpd.conf", "local_enable=YES\n", "", "ssl_enable is not set"),
    "vsftpd, switched off": ("vsftpd.conf", "local_enable=YES\nssl_enable=NO\n", "", "ssl_enable=NO"),
}  # fmt: skip
NOT_CLEAR = {
    "postfix on loopback": ("postfix/main.cf", "myhostname = a.example\ninet_interfaces = localhost\n", ""),
    "postfix, a service on loopback": ("postfix/main.cf", "myhostname = a.example\n", "127.0.0.1:10025 inet n - n - - smtpd\n"),
    "postfix, no smtpd": ("postfix/main.cf", "myhostname = a.example\n", "pickup unix n - n 60 1 pickup\n"),
    "some lines of postfix": ("postfix/main.cf", "relayhost = b.example\n", ""),
    "dovecot on loopback": ("dovecot.conf", "protocols = imap\nlisten = 127.0.0.1\nssl = no\n", ""),
    "vsftpd on loopback": ("vsftpd.conf", "local_enable=YES\nlisten_address=127.0.0.1\n", ""),
}  # fmt: skip


def audited(folder: Path, name: str, text: str, master: str, policy: str) -> dict[str, str]:
    """Return the messages of the rule, each with the verdict of the policy."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    if master:
        (path.parent / "master.cf").write_text(master)
    loaded = policies.load(policy)
    run = audits.audit([path], [loaded])
    verdicts = {one.id: one.policies.get(loaded.id, "") for one in run.subjects}
    return {f.message: verdicts[f.subject] for f in run.findings if f.rule.id == "tls/no-starttls"}


@pytest.mark.parametrize("policy", ["aspect", "mozilla-intermediate"])
def test_a_server_without_tls_is_a_finding(tmp_path: Path, policy: str) -> None:
    wrong = []
    for number, (case, (name, text, master, why)) in enumerate(CLEAR.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = audited(folder, name, text, master, policy)
        if [why in message for message in found] != [True] or set(found.values()) != {"fail"}:
            wrong.append((case, found))
    assert not wrong


def test_a_server_that_no_client_of_the_network_reaches_is_not(tmp_path: Path) -> None:
    wrong = []
    for number, (case, (name, text, master)) in enumerate(NOT_CLEAR.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        if found := audited(folder, name, text, master, "aspect"):
            wrong.append((case, found))
    assert not wrong
