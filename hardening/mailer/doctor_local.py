"""Steps that ask nobody: files, values, expiry, and the relay's queue where it is on this host."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from hardening.errors import HardeningError
from hardening.findings import Severity
from hardening.mailer.examination import Examination, Step, ews_way_out
from hardening.mailer.rest import read
from hardening.mailer.settings import Credential, MailerSettings, Transport
from hardening.mailer.settings_lint import mistakes

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_COPIES = ("~", ".bak", ".old", ".orig", ".save", ".swp", ".retry", ".rpmsave", ".rpmnew")
_AWAY = 120  # seconds without a new status: the relay writes one every second
_LONG_HELD = 3600  # seconds that a recipient is refused: longer than a server that first puts strangers off
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LEADS = (
    (1, Severity.CRITICAL), (7, Severity.HIGH), (14, Severity.HIGH), (30, Severity.MEDIUM), (60, Severity.LOW), (90, Severity.LOW),
)  # fmt: skip
"""Days before the end, and how loud."""


def _files(found: Examination) -> None:
    for path in _private(found.settings):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue  # the values step names a file that is missing or closed; most copies are not there
        if mode & _OTHERS:
            found.wrong(
                "files", "readable-by-others", f"{path} has mode {mode:04o}: other accounts of this machine can read the secret",
                f"chmod 600 {path}", where=path,
            )  # fmt: skip
    found.done("files", "only their owner can read the secrets")


def _private(settings: MailerSettings) -> Iterator[Path]:
    inline = any(c.secret for c in settings.credentials) or (
        settings.proxy is not None and "@" in settings.proxy.url
    )
    files = [settings.source] if inline else []
    for credential in settings.credentials:
        files += [path for path in (credential.secret_file, credential.key_file) if path is not None]
    for path in files:
        yield path
        if not path.name:  # the root: the values step says that it is not a file
            continue
        yield from (path.with_name(path.name + ending) for ending in _COPIES)


def _values(found: Examination) -> None:
    for one in mistakes(found.settings, found.today):
        found.wrong(
            "values", one.key, f"{one.key} {one.problem}", one.remedy, where=found.settings.source,
            severity=Severity.HIGH if one.grave else Severity.LOW,
        )  # fmt: skip
        if one.grave:
            found.failed.add("values")
    for credential in found.settings.credentials:
        _pair(found, credential)
    found.done("values", "every value is plausible")


def _pair(found: Examination, credential: Credential) -> None:
    """Judge whether a certificate and its key can be used together."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if not credential.is_certificate:
        return
    place, where = credential.place, found.settings.source
    try:
        certificate = _certificate(credential)
        key = load_pem_private_key(credential.key(), None)
    except HardeningError as problem:
        found.wrong("values", place, str(problem), problem.hint, where=where)
        found.failed.add("values")
        return
    except (ValueError, TypeError):
        found.wrong(
            "values", "certificate-unreadable", f"{place}: certificate or key is not plain PEM",
            "openssl x509 -in CERTIFICATE -noout -enddate; openssl pkey -in KEY -noout   # the key without a passphrase",
            where=where,
        )  # fmt: skip
        found.failed.add("values")
        return
    if not isinstance(key, RSAPrivateKey):
        found.wrong(
            "values", "certificate-not-rsa", f"{place}: the key is not an RSA key, and Entra accepts no other",
            "harden mailer rotate --make-certificate mailer.crt   # then upload it", where=where,
        )  # fmt: skip
        found.failed.add("values")
        return
    if key.public_key() != certificate.public_key():
        found.wrong(
            "values", "certificate-key-mismatch", f"{place}: the key does not belong to the certificate",
            "openssl req -x509 -newkey rsa:3072 -nodes -subj /CN=mailer -days 365 -keyout mailer.key -out mailer.crt",
            where=where,
        )  # fmt: skip


def _certificate(credential: Credential) -> Certificate:
    """Return the certificate. Errors: InputError, ValueError (no PEM)."""
    from cryptography.x509 import load_pem_x509_certificate

    assert credential.certificate_file is not None  # noqa: S101 - the callers ask for certificates alone
    path = credential.certificate_file
    return load_pem_x509_certificate(read(path, credential.named(path)))


def _expiry(found: Examination) -> None:
    lines = []
    for number, credential in enumerate(found.settings.credentials):
        end = _end(credential)
        if end is None:
            continue
        kind = "certificate" if credential.is_certificate else "client secret"
        found.ends[f"{kind} {credential.place}"] = end.isoformat()
        left = (end - found.today).days
        lines.append(f"{credential.place}: {left} days left")
        lead = next(((days, level) for days, level in _LEADS if left <= days), None)
        if lead is None:
            continue
        days, severity = lead
        if number:  # one that is staged stops nothing yet
            severity = min(severity, Severity.MEDIUM)
        cause, text = (
            ("expired", f"ended on {end}") if left < 0 else ("expires-soon", f"ends on {end}, in {left} days")
        )
        found.wrong(
            "expiry", cause, f"{credential.place} {text}",
            "az ad app credential reset --id {client_id} --append   # put the new one under [next_credential]; the old one goes on working",
            where=found.settings.source, severity=severity, seen=f"inside the last {days} days",
        )  # fmt: skip
    if found.offline and Transport.EWS in (*found.settings.transports, found.settings.calendars_via):
        found.ends_with_ews(
            "expiry", "EWS ends", ews_way_out(found.settings),
            where=found.settings.source,
        )  # fmt: skip
    found.done("expiry", "; ".join(lines) or "the expiry date is unknown")


def _end(credential: Credential) -> date | None:
    """Return the last day of a credential: the certificate's own, else what the settings say."""
    try:
        return (
            _certificate(credential).not_valid_after_utc.date()
            if credential.is_certificate
            else credential.expires
        )
    except (HardeningError, ValueError):  # the values step has said so
        return credential.expires


def _status(relay: dict[str, object]) -> Path | None:
    """Return where the relay says how it is: the file that is named, else the spool's, where that is on this machine."""
    if named := relay.get("status_file"):
        return Path(str(named))
    if not relay.get("spool"):
        return None
    beside = Path(str(relay["spool"])) / "status.json"
    try:
        return beside if beside.exists() else None
    except PermissionError:  # a spool is here, and another account's
        return beside


def _queue(found: Examination) -> None:
    import json

    path = _status(dict(found.settings.relay))
    if path is None:
        return
    try:
        status = json.loads(read(path))
        depth, oldest, dead = (int(status[key]) for key in ("queued", "oldest_seconds", "dead"))
        held = [
            (row["to"], int(row["mails"]), float(row["since"]), row["why"]) for row in status.get("held", [])
        ]
        refused = [
            f"{row['why']}{row['about'] and ' (' + row['about'] + ')'}, {int(row['count'])} times"
            for row in status.get("refused", [])
        ]
        age = time.time() - float(status["at"])
    except (HardeningError, ValueError, TypeError, KeyError, AttributeError) as problem:
        closed = isinstance(problem.__cause__, PermissionError)
        text = (
            "cannot be read: the state of the queue is unknown"
            if closed
            else "is absent or unreadable: the relay does not run"
        )
        found.wrong("queue", "no-status", f"{path} {text}", "sudo harden mailer doctor" if closed else
                    "systemctl status aspect-mail-relay", where=path)  # fmt: skip
        found.done("queue")
        return
    if age > _AWAY:
        found.wrong("queue", "relay-away", f"{path} is {age:.0f} s old: the relay does not run, or cannot write it",
                    "systemctl status aspect-mail-relay", where=path)  # fmt: skip
    for one in refused:
        found.wrong("queue", "mail-refused", f"the relay refuses mail: {one}",
                    "harden mailer relay --status; free disk space, or correct [relay] or the program that sends", where=path)  # fmt: skip
    if status.get("failing"):
        found.wrong("queue", "failing", f"{depth} mails wait, the oldest for {oldest} s: {status['failing']}",
                    "harden mailer doctor --dry-run names the cause", where=path)  # fmt: skip
    elif dead:
        found.wrong("queue", "dead-letters", f"{dead} mails were permanently refused",
                    "look at them in the spool's folder `dead`", where=path)  # fmt: skip
    for to, mails, since, why in held:
        age = int(time.time() - since)
        found.wrong("queue", "recipient-refused", f"{mails} mails for {to} have waited for {age} s, refused for now: {why}",
                    "check this address. The other recipients have their mail. Mail that is given up goes to the folder `dead`", where=path,
                    severity=Severity.LOW if age < _LONG_HELD else Severity.MEDIUM)  # fmt: skip
    found.done("queue", f"{depth} waiting, oldest {oldest} s")


LOCAL: tuple[Step, ...] = (_files, _values, _expiry, _queue)
