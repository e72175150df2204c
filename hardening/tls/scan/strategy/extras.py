"""What a scan reads beside suites, groups and chains; asked after them, and only when wanted."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from hardening.tls import registry
from hardening.tls.scan.engine.conversations import Talk
from hardening.tls.scan.strategy.endpoint_state import EndpointState
from hardening.tls.scan.strategy.messages import Answer, AnswerKind, Question, Shape, Want
from hardening.tls.scan.strategy.scope import Case
from hardening.tls.scan.wire import hello

INAPPROPRIATE_FALLBACK = 86
PATIENCE = 2.0
PADDINGS = 5
NOT_ASKED = "not asked for"
"""What a server made of a certificate for which it did not ask."""
_STUMBLES = ("alert 20", "alert 21", "closed", "reset")
"""bad_record_mac, decryption_failed, or an end: the server has switched to keys."""
FINISHING = ("TLSv1.0", "TLSv1.1", "TLSv1.2")


def ask(case: Case) -> Talk:
    """Ask, as far as the scope wants to know."""
    if case.scope.full:
        yield from _fallback(case)
    if case.scope.clients and (case.found.client_auth or case.scope.identity is not None):
        yield from _client_certificate(case)
    if case.scope.deep:
        yield from _sessions(case)
        yield from _renegotiation(case)
    if case.scope.http:
        yield from _headers(case)
    if case.scope.vulnerabilities:
        yield from _faults(case)


def _older(case: Case) -> list[EndpointState]:
    return [p for p in case.found.offered() if p.name not in ("SSLv2", "TLSv1.3") and p.choices]


def _plain(case: Case, learned: EndpointState, want: Want, *, ticket: bool = True) -> Question:
    return Question(
        protocol=learned.name,
        suites=tuple(learned.suites),
        shape=case.asker.shape,
        want=want,
        ticket=ticket,
        patience=case.asker.pace.patience(PATIENCE),
    )


def _fallback(case: Case) -> Talk:
    """A server that knows TLS_FALLBACK_SCSV refuses a client that says it has fallen back (RFC 7507)."""
    newest = case.found.offered()[-1].name if case.found.offered() else ""
    below = [p for p in _older(case) if p.name != newest]
    if not below:
        return
    question = Question(
        protocol=below[-1].name,
        suites=(below[-1].choices[0].suite,),
        shape=case.asker.shape,
        scsv=(hello.FALLBACK_SCSV,),
    )
    answer = yield from case.asker.ask(question, blame=False)
    if answer.kind is AnswerKind.HELLO:
        case.found.fallback_scsv = False
    elif answer.kind is AnswerKind.ALERT and answer.alert == INAPPROPRIATE_FALLBACK:
        case.found.fallback_scsv = True


# handshakes that are finished


def _client_certificate(case: Case) -> Talk:
    """Finish a handshake without a certificate and, where one was given, with it: what the server makes of each."""
    offered = [p for p in case.found.offered() if p.name in (*FINISHING, "TLSv1.3") and p.suites]
    if not offered:
        return
    found, web = case.found, case.scope.web or (case.found.alpn or "").startswith(("h2", "http/"))
    plain = replace(_plain(case, offered[-1], Want.CLIENT_CERTIFICATE), http=web)
    answer: Answer = yield from case.asker.ask(plain, blame=False)
    found.without_certificate, found.client_authorities = answer.reaction, answer.authorities
    if answer.authorities or "certificate required" in answer.reaction:
        found.client_auth = True
    if case.scope.identity is not None and found.client_auth is False:
        found.with_certificate = NOT_ASKED
    elif case.scope.identity is not None:
        presented = replace(plain, identity=case.scope.identity)
        answer = yield from case.asker.ask(presented, blame=False)
        found.with_certificate = answer.reaction


def _sessions(case: Case) -> Talk:
    """Come back with a session id, a ticket, and a TLS 1.3 ticket: what a server takes again."""
    older = [p for p in _older(case) if p.name in FINISHING]
    ways = [("session_id", older[-1], False), ("ticket", older[-1], True)] if older else []
    tls13 = case.found.protocols["TLSv1.3"]
    if tls13.offered and tls13.suites:
        ways.append(("psk", tls13, True))
    for name, learned, ticket in ways:
        first = yield from case.asker.ask(_plain(case, learned, Want.FINISHED, ticket=ticket), blame=False)
        if first.kind is not AnswerKind.HELLO:
            continue
        if first.session is None or (name == "ticket" and not first.ticket):
            case.found.resumption[name] = False
            continue
        back = replace(_plain(case, learned, Want.FINISHED, ticket=ticket), session=first.session)
        second = yield from case.asker.ask(back, blame=False)
        if second.kind is AnswerKind.HELLO:
            case.found.resumption[name] = second.resumed


def _renegotiation(case: Case) -> Talk:
    older = [p for p in _older(case) if p.name in FINISHING]
    if older:
        answer = yield from case.asker.ask(_plain(case, older[-1], Want.RENEGOTIATION), blame=False)
        case.found.client_renegotiation = answer.renegotiates


def _headers(case: Case) -> Talk:
    offered = [p for p in case.found.offered() if p.name in (*FINISHING, "TLSv1.3") and p.suites]
    if offered:
        answer = yield from case.asker.ask(_plain(case, offered[-1], Want.HTTP), blame=False)
        if answer.kind is AnswerKind.HELLO and answer.headers.startswith(b"HTTP/"):
            case.found.hsts = _field(answer.headers, b"strict-transport-security")
            case.found.server = _field(answer.headers, b"server")


def _field(headers: bytes, name: bytes) -> str:
    for line in headers.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip().decode("ascii", "backslashreplace")[:200]
    return ""


# known faults


def _faults(case: Case) -> Talk:
    """Ask the harmless questions about known faults, under the newest version they exist in."""
    older = _older(case)
    if not older:
        return
    newest, faults = older[-1], case.found.faults
    faults[Want.EARLY_CCS] = yield from _early_ccs(case, newest)
    if hello.HEARTBEAT in case.found.extensions:
        question = replace(_plain(case, newest, Want.HEARTBEAT), heartbeat=True)
        answer = yield from case.asker.ask(question, blame=False)
        dropped = answer.reaction in ("silent", "closed", "reset") or answer.reaction.startswith("alert")
        faults[Want.HEARTBEAT] = True if answer.fault else False if dropped else None
    yield from _robot(case, newest)
    yield from _ticketbleed(case, newest)


def _early_ccs(case: Case, learned: EndpointState) -> Generator[Any, Any, bool | None]:
    """Silence to a ChangeCipherSpec alone, and a stumble over what follows it: both, or it is not the fault."""
    reactions: list[str] = []
    for variant in range(2):
        question = replace(_plain(case, learned, Want.EARLY_CCS), variant=variant)
        answer: Answer = yield from case.asker.ask(question, blame=False)
        reactions.append(answer.reaction)
        if not answer.reaction:
            return None
        if not variant and answer.reaction != "silent":
            return False
    return True if reactions[1] in _STUMBLES else None if reactions[1] == "silent" else False


def _robot(case: Case, learned: EndpointState) -> Talk:
    """Five paddings, and the same again where they are told apart."""
    known = registry.suites_by_code()
    suites = tuple(
        s
        for s in hello.every_suite()
        if known[s].kx == known[s].auth == "RSA" and "EXPORT" not in known[s].flags
    )[: case.asker.shape.max_suites]
    first = yield from _reactions(case, learned, suites)
    if None in first:
        return  # no such suite, or no key to pad for
    if len(set(first)) == 1:
        case.found.faults[Want.BAD_KEY] = False
        return
    second = yield from _reactions(case, learned, suites)
    case.found.faults[Want.BAD_KEY] = True if second == first else None


def _reactions(
    case: Case, learned: EndpointState, suites: tuple[int, ...]
) -> Generator[Any, Any, list[str | None]]:
    out: list[str | None] = []
    for variant in range(PADDINGS):
        question = replace(_plain(case, learned, Want.BAD_KEY), suites=suites, variant=variant)
        answer: Answer = yield from case.asker.ask(question, blame=False)
        out.append(answer.reaction or None)
        if not answer.reaction:
            break
    return out


def _ticketbleed(case: Case, learned: EndpointState) -> Talk:
    if hello.TICKET not in case.found.extensions or case.asker.shape != Shape():
        return
    if learned.name not in FINISHING:
        return
    issued = yield from case.asker.ask(_plain(case, learned, Want.FINISHED), blame=False)
    if issued.ticket:
        question = replace(
            _plain(case, learned, Want.STALE_ID), session=issued.ticket, suites=hello.every_suite()
        )
        answer = yield from case.asker.ask(question, blame=False)
        case.found.faults[Want.STALE_ID] = answer.fault
