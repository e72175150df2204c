"""What a scan reads beside suites, groups and chains; asked after them, and only when wanted."""

from __future__ import annotations

from hardening.tls.scan import hello
from hardening.tls.scan.ask import Kind, Question, Want
from hardening.tls.scan.engine import Talk
from hardening.tls.scan.learned import Learned
from hardening.tls.scan.scope import Case

INAPPROPRIATE_FALLBACK = 86


def ask(case: Case) -> Talk:
    """Ask, as far as the scope wants to know."""
    if case.scope.full:
        yield from _fallback(case)
    if case.scope.vulnerabilities:
        yield from _faults(case)


def _older(case: Case) -> list[Learned]:
    return [p for p in case.found.offered() if p.name not in ("SSLv2", "TLSv1.3") and p.choices]


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
    if answer.kind is Kind.HELLO:
        case.found.fallback_scsv = False
    elif answer.kind is Kind.ALERT and answer.alert == INAPPROPRIATE_FALLBACK:
        case.found.fallback_scsv = True


def _faults(case: Case) -> Talk:
    """Ask the harmless questions about known faults, under the newest version they exist in."""
    older = _older(case)
    if not older:
        return
    wanted = [Want.EARLY_CCS]
    if hello.HEARTBEAT in case.found.extensions:
        wanted.append(Want.HEARTBEAT)
    for want in wanted:
        question = Question(
            protocol=older[-1].name,
            suites=tuple(older[-1].suites),
            shape=case.asker.shape,
            want=want,
            heartbeat=True,
            patience=2.0,
        )
        answer = yield from case.asker.ask(question, blame=False)
        case.found.faults[want] = answer.fault
