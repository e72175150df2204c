"""A server that speaks its protocol and offers no TLS in it: a finding under every policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hardening.findings import Finding, InFile, OnWire, Result, Rule, Severity, Subject, SubjectKind, Verdict
from hardening.tls.policies.ruleset import Policy

_RFC = "https://www.rfc-editor.org/rfc/"
NO_STARTTLS = Rule(
    id="tls/no-starttls",
    title="The server offers no TLS",
    severity=Severity.HIGH,
    rationale=(
        "An attacker on the path can read and change everything, passwords first. "
        "A client with opportunistic TLS continues in clear text without a warning."
    ),
    remedy="Install a certificate, switch TLS on in the server, and refuse logins without TLS.",
    references=(_RFC + "rfc3207", _RFC + "rfc8314", _RFC + "rfc9325#section-3.2"),
)
OVERWRITTEN = "a word in the answer is overwritten with X, as some firewalls do"
"""How the reason ends where a middlebox took the offer out."""
_MAIL = "mail and passwords go"
_IN_CLEAR = {
    "smtp": _MAIL, "lmtp": _MAIL, "imap": _MAIL, "pop3": _MAIL, "sieve": "mail filters and passwords go",
    "ftp": "files and passwords go", "ldap": "directory data and passwords go", "nntp": "articles and passwords go",
    "postgres": "queries and data go", "mysql": "queries and data go", "xmpp": "messages and passwords go",
    "xmpp-server": "messages go", "rdp": "the session goes",
}  # fmt: skip
_SWITCH = {
    "smtp": "in Postfix `smtpd_tls_security_level = may` (`encrypt` for submission) and `smtpd_tls_auth_only = yes`",
    "imap": "in Dovecot `ssl = required`",
    "pop3": "in Dovecot `ssl = required`",
    "sieve": "in Dovecot `ssl = required`",
    "ftp": "in vsftpd `ssl_enable=YES` and `force_local_logins_ssl=YES`, in ProFTPD `TLSEngine on` and `TLSRequired on`",
    "ldap": "in OpenLDAP `olcTLSCertificateFile` and `olcSecurity: tls=1`",
    "postgres": "in PostgreSQL `ssl = on` and `hostssl` lines in pg_hba.conf",
    "mysql": "in MySQL and MariaDB `ssl_cert`, `ssl_key` and `require_secure_transport = ON`",
}


def rules() -> tuple[Rule, ...]:
    """Return every rule of this module."""
    return (NO_STARTTLS,)


def of_endpoint(
    name: str, protocol: str, why: str, policies: Sequence[Policy], stats: Mapping[str, object]
) -> tuple[Subject, Finding, Result]:
    """Return subject, finding and result of a server that offers no TLS; it was examined in full."""
    if why.endswith(OVERWRITTEN):
        subject, finding, result = _judged(
            Subject(id=name, kind=SubjectKind.ENDPOINT, stats=stats), OnWire(name), protocol, why, policies
        )
        first = f"Switch the inspection of mail off in the firewall on the path (Cisco: `no inspect esmtp`), then scan again: `harden tls scan {name}`."
        return (
            subject,
            replace(finding, remedy=f"{first} If STARTTLS is still not offered: {finding.remedy}"),
            result,
        )
    return _judged(
        Subject(id=name, kind=SubjectKind.ENDPOINT, stats=stats), OnWire(name), protocol, why, policies,
        " Where the server is set up for TLS, a firewall or mail gateway on the path may remove the offer: "
        "scan from the server's own network, and switch that inspection off.",
    )  # fmt: skip


def of_configuration(
    path: str, at: InFile, protocol: str, why: str, policies: Sequence[Policy], service: str = ""
) -> tuple[Subject, Finding, Result]:
    """Return the same for the configuration `path`, whose server speaks `protocol` without TLS.

    `service` names the service where several of the configuration do.
    """
    name = f"{protocol} without TLS{f': {service}' if service else ''}"
    subject = Subject(id=f"{path}#{name}", kind=SubjectKind.FILE, scope="configuration")
    return _judged(subject, at, protocol, why, policies)


def _judged(
    subject: Subject,
    at: InFile | OnWire,
    protocol: str,
    why: str,
    policies: Sequence[Policy],
    also: str = "",
) -> tuple[Subject, Finding, Result]:
    how = _SWITCH.get(protocol)
    finding = Finding(
        rule=NO_STARTTLS,
        subject=subject.id,
        location=at,
        message=f"offers no TLS: {_IN_CLEAR.get(protocol, 'everything goes')} in clear text ({why})",
        evidence=why,
        remedy=f"Install a certificate and switch TLS on{f': {how}' if how else ''}.{also}",
        policies=tuple(sorted(policy.id for policy in policies if not policy.silent)),
    )
    verdicts = {policy.id: "unknown" if policy.silent else "fail" for policy in policies}
    result = Result(rule=NO_STARTTLS, subject=subject.id, verdict=Verdict.FAIL, reason=why)
    return replace(subject, policies=verdicts), finding, result
