"""One run over a server's certificates: look, and report, or make, fetch, check, swap and prove."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from OpenSSL.crypto import X509Store

from hardening import atomic
from hardening.errors import InputError, RefusedError, UsageError
from hardening.host import certificate_signed
from hardening.host.plans import certificate, tls
from hardening.host.plans.certificate import CertificateRequest, Named
from hardening.host.plans.plan import Plan
from hardening.host.session import Session
from hardening.tls.judging import trust

STATE = "/var/lib/aspect-hardening"
SKEW = timedelta(minutes=10)
"""By how much a host's clock may be ahead of this one's before a certificate it makes is not put in place."""


@dataclass(slots=True, kw_only=True)
class CertificateRun:
    """A requested run, and its host."""

    session: Session
    host: str
    server: tls.Server
    wish: CertificateRequest
    requests: Path | None = None
    """Where requests are brought on the control machine."""
    signed: Path | None = None
    store: X509Store | None = None
    """Authorities that certificates have to lead to; None: not asked."""
    prove: bool = True
    deadman: float = 0
    install: bool = False
    check: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def of(cls, raw: Mapping[str, Any], *, session: Session, host: str, check: bool) -> CertificateRun:
        """Read the arguments of a task. Errors: UsageError naming what is wrong."""
        wish = CertificateRequest.of(raw)
        if wish.mode == "csr" and not raw.get("csr_dir"):
            raise UsageError("tls_csr_dir is empty", hint="set it to a folder on the control machine")
        return cls(
            session=session, host=host, check=check, wish=wish,
            server=tls.Server.of(raw.get("server") or {}, policy="aspect"),
            requests=Path(raw["csr_dir"]) if raw.get("csr_dir") else None,
            signed=Path(raw["signed_dir"]) if raw.get("signed_dir") else None,
            store=trust.load_store(str(raw["trust"])) if raw.get("trust") else None,
            prove=bool(raw.get("prove", True)), deadman=float(raw.get("deadman") or 0),
            install=bool(raw.get("install")),
        )  # fmt: skip

    def answer(self) -> dict[str, Any]:
        """Carry it out; the answer is the agent's, with `certificates` and `notes`. Errors: HardeningError."""
        facts = self.session.ask("facts", **tls.wishes(self.server))
        asked = certificate.wishes(facts)
        base: dict[str, Any] = {
            "changed": False,
            "failed": False,
            "files": [],
            "certificates": [],
            "notes": [],
        }
        if not asked["certificates"]:
            return base
        more = self.session.ask("facts", **asked)
        found = certificate.seen(facts, more, self.now, self.store, self.wish.expiry_days)
        if self.wish.mode != "report" and not certificate.has_openssl(more):
            raise UsageError(
                "the host has no openssl",
                hint="install openssl on the host; keys are made on the host that uses them",
            )
        base["certificates"] = [_row(one) for one in found]
        due = certificate.due(found)
        base["notes"] = [
            f"{one.path} ({one.card.subject}), named in {one.config}:{one.line}, has no chain to a trusted authority: {one.untrusted}"
            for one in found
            if one.untrusted
        ]
        base["notes"] += [_note(one) for one in found if one.obstacle and one.problems]
        if self.wish.mode == "report" or not due:
            base["notes"] += [_note(one) for one in due]
            return base
        made = certificate.prepare(due, self.wish, more, state=self.session.state or STATE)
        made = replace(made, install=self.install)
        first = self.session.carry_out(made, check=self.check)
        base["notes"] += made.notes
        if first.get("failed") or (self.check and first.get("commands")):
            return {**base, **self._foreseen(first, due)}
        fresh, fetched = self._own(due) if self.wish.mode == "self-signed" else self._imported(found, due)
        base["requests"] = fetched
        moved = bool(fetched) or bool(first.get("changed"))
        base["notes"] += [
            f"{_note(one)}; its request is waiting to be signed" for one in due if one not in fresh
        ]
        if not fresh:
            return {**base, **first, "changed": moved}
        base["notes"] += certificate.chain_notes(facts)
        second = self._swap(certificate.swap(self.server, facts, fresh), fresh)
        rows = {key: [*first.get(key, []), *second.get(key, [])] for key in ("files", "diff", "commands")}
        return {**base, **second, **rows, "changed": bool(second.get("changed")) or moved}

    def _foreseen(self, first: dict[str, Any], due: Sequence[Named]) -> dict[str, Any]:
        """Return the prediction; digests of keys and certificates not made yet cannot be in it."""
        if first.get("failed") or self.wish.mode != "self-signed":
            return first
        paths = [path for one in due for path in dict.fromkeys((*one.keys, one.path))]
        return {**first, "files": [*first["files"], *({"path": path, "op": "write"} for path in paths)]}

    def _swap(self, plan: Plan, fresh: Mapping[Named, str]) -> dict[str, Any]:
        plan = replace(plan, deadman=self.deadman, install=self.install)
        prove = None
        if self.prove and self.server.endpoints and not self.check:
            leaf = {one: x509.load_pem_x509_certificate(pem.encode("ascii")) for one, pem in fresh.items()}
            swapped = {one.card.sha256: certificate_signed.fingerprint(leaf[one]) for one in fresh}
            prove = certificate_signed.proof(certificate_signed.presented(self.server.endpoints), swapped)
        return self.session.carry_out(plan, check=self.check, prove=prove)

    def _own(self, due: Sequence[Named]) -> tuple[dict[Named, str], list[str]]:
        """Return the self-signed certificates that were made, looked at once more."""
        state = self.session.state or STATE
        places = [one.waiting.replace("@state", state) + "/own.pem" for one in due]
        rows = self.session.ask("facts", certificates=places)["certificates"]
        fresh = {one: str(row["pem"]) for one, row in zip(due, rows, strict=True)}
        for one, pem in fresh.items():
            if not pem:
                raise RefusedError(f"{one.path}: the host made no certificate for it")
            card = x509.load_pem_x509_certificate(pem.encode("ascii"))
            now = datetime.now(UTC)
            if not card.not_valid_before_utc <= now + SKEW < card.not_valid_after_utc:
                raise RefusedError(
                    f"{one.path}: by the host's clock the new certificate would be valid from "
                    f"{card.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
                    hint="set the host's clock; nothing in use was changed",
                )
        return fresh, []

    def _imported(self, found: Sequence[Named], due: Sequence[Named]) -> tuple[dict[Named, str], list[str]]:
        """Bring the requests here, and return what came back signed and does, with the requests that are new here."""
        state = self.session.state or STATE
        folders = [one.waiting.replace("@state", state) for one in due]
        reply = self.session.ask(
            "facts",
            read=[folder + "/csr.pem" for folder in folders],
            run=[certificate.public_half(folder + "/key.pem") for folder in folders],
        )
        pems = {row["path"]: base64.b64decode(row["content"]) for row in reply["files"]}
        files = certificate_signed.load(self.signed, self.host) if self.signed else {}
        fetched, fresh = [], {}
        for one, folder, answer in zip(due, folders, reply["said"], strict=True):
            pem, half = pems.get(folder + "/csr.pem", b""), certificate.public_in(answer)
            try:
                request = x509.load_pem_x509_csr(pem)
            except ValueError as problem:
                raise RefusedError(
                    f"{one.path}: the request on the host cannot be read: {problem}"
                ) from problem
            if half is None or certificate.spki(request.public_key()) != half:
                raise RefusedError(f"{one.path}: key and request on the host do not belong together")
            fetched += self._brought(one, pem)
            signed = certificate_signed.chosen(files, request, half, self.now, self.wish.expiry_days)
            if signed is not None:
                fresh[one] = signed
        if files and not fresh and not certificate_signed.stale(files, (one.card.sha256 for one in found)):
            raise RefusedError(
                f"{', '.join(map(str, files))}: no certificate belongs to a key that waits on {self.host}",
                hint="have the request in tls_csr_dir signed; nothing was changed",
            )
        return fresh, fetched

    def _brought(self, one: Named, pem: bytes) -> list[str]:
        """Write a request where the operator finds it, unless it is there; return its path when it was not."""
        path = (self.requests or Path()) / f"{self.host}.{one.slug}.csr"
        try:
            if path.is_file() and path.read_bytes() == pem:
                return []
            if not self.check:
                path.parent.mkdir(parents=True, exist_ok=True)
                atomic.replace(path, pem)
        except OSError as problem:
            raise InputError(
                f"{path}: {problem.strerror}", hint="tls_csr_dir has to be writable"
            ) from problem
        return [str(path)]


def _row(one: Named) -> dict[str, Any]:
    return {
        "path": one.path, "named_in": f"{one.config}:{one.line}", "subject": one.card.subject,
        "names": list(one.card.names), "not_after": f"{one.card.not_after:%Y-%m-%d}",
        "problems": list(one.problems), "untrusted": one.untrusted, "not_replaced": one.obstacle if one.problems else "",
    }  # fmt: skip


def _note(one: Named) -> str:
    text = f"{one.path} ({one.card.subject}), named in {one.config}:{one.line}, {' and '.join(one.problems)}"
    return f"{text}; it is not replaced: {one.obstacle}" if one.obstacle else text
