"""One `[[rule]]` of a policy file: its identity, and the clauses a program checks."""

from __future__ import annotations

from functools import cache

from hardening.tls import registry
from hardening.tls.policies.requirement import (
    CertificateNeed,
    GroupNeed,
    Level,
    PolicyRule,
    ProtocolNeed,
    RuleKind,
    SchemeNeed,
    SessionNeed,
    SuiteMatch,
    SuiteNeed,
)
from hardening.tls.policies.words import groups, protocols, schemes, suites, words
from hardening.toml_rows import Table

CLAUSES = ("protocols", "suites", "groups", "signatures", "certificate", "session")
KEY_TYPES = ("rsa", "ec", "ed25519", "ed448", "dsa", "ml-dsa")
EXTENSIONS = ("encrypt_then_mac", "extended_master_secret", "renegotiation_info", "status_request")
HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")


def read_rule(row: Table) -> PolicyRule:
    """Read one rule. Errors: DataError naming file and key."""
    has_clause = any(name in row for name in CLAUSES)
    kind = row.choice("kind", RuleKind, RuleKind.AUTOMATED if has_clause else RuleKind.MANUAL)
    if has_clause is (kind is RuleKind.MANUAL):
        contents = "has clauses a program checks" if has_clause else "has nothing a program could check"
        raise row.wrong("kind", f"{kind.value!r}, but the rule {contents}", f"clauses: {', '.join(CLAUSES)}")
    clause = {name: row.table(name, optional=True) for name in CLAUSES}
    rule = PolicyRule(
        id=row.text("id"),
        section=row.text("section"),
        text=row.text("text"),
        level=row.choice("level", Level),
        verified=row.text("verified"),
        kind=kind,
        unread=row.text("unread", ""),
        binding_from=row.day("binding_from", None),
        protocols=_protocols(clause["protocols"]) if "protocols" in row else None,
        suites=_suites(clause["suites"]) if "suites" in row else None,
        groups=_groups(clause["groups"]) if "groups" in row else None,
        signatures=_signatures(clause["signatures"]) if "signatures" in row else None,
        certificate=_certificate(clause["certificate"]) if "certificate" in row else None,
        session=_session(clause["session"]) if "session" in row else None,
    )
    row.done()
    return rule


def _protocols(table: Table) -> ProtocolNeed:
    need = ProtocolNeed(
        allow=frozenset(protocols(table, "allow")) if "allow" in table else None,
        forbid=frozenset(protocols(table, "forbid")),
        require=protocols(table, "require"),
        require_any=protocols(table, "require_any"),
    )
    table.done()
    return need


def _suites(table: Table) -> SuiteNeed:
    need = SuiteNeed(
        allow=frozenset(s.code for s in suites(table, "allow")) if "allow" in table else None,
        forbid=tuple(_match(row) for row in table.rows("forbid")),
        some=tuple(_match(row, "some") for row in table.rows("some")),
    )
    table.done()
    return need


@cache
def _values(attribute: str) -> tuple[str, ...]:
    """Every value a property of suites has in the registry, so that a typo is noticed."""
    found = {getattr(suite, attribute) for suite in registry.suites()}
    return tuple(sorted(value for value in found if isinstance(value, str)))


@cache
def _flags() -> tuple[str, ...]:
    return tuple(sorted({flag for suite in registry.suites() for flag in suite.flags}))


def _match(row: Table, key: str = "forbid") -> SuiteMatch:
    match = SuiteMatch(
        names=frozenset(s.code for s in suites(row, "names")),
        flags=frozenset(words(row, "flags", _flags())),
        enc=frozenset(words(row, "enc", _values("enc"))),
        kx=frozenset(words(row, "kx", _values("kx"))),
        auth=frozenset(words(row, "auth", _values("auth"))),
        mac=frozenset(words(row, "mac", _values("mac"))),
        mode=frozenset(words(row, "mode", _values("mode"))),
        recommended=frozenset(words(row, "recommended", ("Y", "N", "D"))),
        protocols=frozenset(protocols(row, "protocols")),
        unless=frozenset(s.code for s in suites(row, "unless")),
        bits_below=row.number("bits_below", None),
        forward_secrecy=row.flag("forward_secrecy", None),
        aead=row.flag("aead", None),
        registered=row.flag("registered", None),
    )
    row.done()
    if match == SuiteMatch(unless=match.unless):
        raise row.wrong(key, "an empty pattern would match every suite")
    return match


def _groups(table: Table) -> GroupNeed:
    need = GroupNeed(
        allow=frozenset(g.id for g in groups(table, "allow")) if "allow" in table else None,
        forbid=frozenset(g.id for g in groups(table, "forbid")),
        some=frozenset(g.id for g in groups(table, "some")),
        ec_bits_below=table.number("ec_bits_below", None),
        ff_bits_below=table.number("ff_bits_below", None),
        recommended=frozenset(words(table, "recommended", ("Y", "N", "D"))),
    )
    table.done()
    return need


def _signatures(table: Table) -> SchemeNeed:
    need = SchemeNeed(
        allow=frozenset(s.id for s in schemes(table, "allow")) if "allow" in table else None,
        forbid=frozenset(s.id for s in schemes(table, "forbid")),
        hashes=frozenset(words(table, "forbid_hashes", HASHES)),
    )
    table.done()
    return need


def _certificate(table: Table) -> CertificateNeed:
    need = CertificateNeed(
        types=frozenset(words(table, "types", KEY_TYPES)),
        curves=frozenset(g.name for g in groups(table, "curves")),
        rsa_min_bits=table.number("rsa_min_bits", None),
        ec_min_bits=table.number("ec_min_bits", None),
        hashes=frozenset(words(table, "hashes", HASHES)),
        max_lifetime_days=table.number("max_lifetime_days", None),
        valid_now=table.flag("valid_now", default=False),
        hostname=table.flag("hostname", default=False),
        trusted=table.flag("trusted", default=False),
    )
    table.done()
    return need


def _session(table: Table) -> SessionNeed:
    preference = table.text("preference", None)
    if preference not in {None, "server", "client"}:
        raise table.wrong("preference", f"{preference!r} is neither 'server' nor 'client'")
    client = table.text("client_certificate", None)
    if client not in {None, "required", "none"}:
        raise table.wrong("client_certificate", f"{client!r} is neither 'required' nor 'none'")
    need = SessionNeed(
        client_certificate=client,
        dh_min_bits=table.number("dh_min_bits", None),
        compression=table.flag("compression", None),
        secure_renegotiation=table.flag("secure_renegotiation", None),
        preference=preference,
        extensions=words(table, "extensions", EXTENSIONS),
    )
    table.done()
    return need
