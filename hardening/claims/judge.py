"""Claims and what was seen into answers: true, false with the place and the reason, or not checkable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase

from hardening.advisories.judge import Status
from hardening.claims.claims import Claim, ClaimKind, Expect, kinds
from hardening.claims.look import Shown, message
from hardening.findings import NESTING, Finding, InFile, Location, SubjectKind, Verdict, in_file
from hardening.host.checks.rules import PORT_DIFFERS
from hardening.records import dataclass
from hardening.upgrade.logs.patterns import UNKNOWN


class ClaimState(StrEnum):
    """Verdict of a claim."""

    TRUE = "true"
    FALSE = "false"
    UNCHECKED = "not checkable"


@dataclass(frozen=True, slots=True)
class ClaimAnswer:
    """One claim at one subject: what it is there, and why."""

    claim: Claim
    subject: str
    kind: SubjectKind
    state: ClaimState
    why: str
    place: Location


@dataclass(frozen=True, slots=True)
class Overall:
    """One claim over all subjects that were asked."""

    claim: Claim
    state: ClaimState
    answers: tuple[ClaimAnswer, ...]
    why: str

    def of(self, kind: SubjectKind) -> tuple[ClaimAnswer, ...]:
        """Return the answers of the subjects of a kind."""
        return tuple(one for one in self.answers if one.kind is kind)


_SUBJECTS: Mapping[ClaimKind, tuple[SubjectKind, ...]] = {
    ClaimKind.COMPONENT_ABSENT: (SubjectKind.BUNDLE, SubjectKind.HOST),
    ClaimKind.CREDENTIAL_GONE: (SubjectKind.BUNDLE, SubjectKind.HOST),
    ClaimKind.POLICY_MET: (SubjectKind.BUNDLE, SubjectKind.HOST, SubjectKind.ENDPOINT),
    ClaimKind.PORT_BEHAVIOUR: (SubjectKind.BUNDLE, SubjectKind.HOST),
    ClaimKind.LOG_BENIGN: (SubjectKind.LOG,),
    ClaimKind.ADVISORY_CLOSED: (SubjectKind.BUNDLE, SubjectKind.HOST),
}
"""The kinds of subjects that can answer each kind of claim."""
_LABEL = {
    SubjectKind.BUNDLE: ("in the bundle", "bundles"),
    SubjectKind.HOST: ("on", "hosts"),
    SubjectKind.ENDPOINT: ("at", "endpoints"),
    SubjectKind.LOG: ("in", "logs"),
}
_FEW = 3


def judge(claim: Claim, old: Shown, shown: Sequence[Shown]) -> Overall:
    """Return the answer to one claim. It is false where it is false anywhere, and true where every subject that was asked agrees."""
    answers = tuple(_answer(claim, old, one) for one in shown if one.kind in _SUBJECTS[claim.kind])
    states = [one.state for one in answers]
    needed = [
        one for one in answers if not (one.kind is SubjectKind.BUNDLE and kinds()[claim.kind].elsewhere)
    ]
    if ClaimState.FALSE in states:
        state = ClaimState.FALSE
    elif ClaimState.TRUE in states and all(one.state is ClaimState.TRUE for one in needed):
        state = ClaimState.TRUE
    else:
        state = ClaimState.UNCHECKED
    return Overall(claim, state, answers, "; ".join(_words(claim, answers)))


def _words(claim: Claim, answers: Sequence[ClaimAnswer]) -> list[str]:
    """Return the answer in words, one part for each kind of subject."""
    parts = []
    for kind, (at, plural) in _LABEL.items():
        of = [one for one in answers if one.kind is kind]
        if not of:
            continue
        true = sum(one.state is ClaimState.TRUE for one in of)
        if kind is SubjectKind.BUNDLE:
            parts.append(f"{of[0].state} {at}: {of[0].why}")
            continue
        parts.append(f"true {at} {true} of {len(of)} {plural}")
        rest = [one for one in of if one.state is not ClaimState.TRUE]
        parts += [f"{one.state} {at} {one.subject}: {one.why}" for one in rest[:_FEW]]
        if len(rest) > _FEW:
            parts.append(f"and {len(rest) - _FEW} more")
    if claim.kind is ClaimKind.LOG_BENIGN and not answers:
        parts.append(_catalogue(claim))
    return parts


def _catalogue(claim: Claim) -> str:
    """Return what is known of a message where no log was given."""
    found = message(claim.line)
    if found is None or found.rule is UNKNOWN:
        return "no log was given (--log FILE), and the message is not known"
    return f"no log was given (--log FILE); the message is known: {found.rule.id}, {found.message}"


def _answer(claim: Claim, old: Shown, shown: Shown) -> ClaimAnswer:
    if shown.lost:
        state, why, place = ClaimState.UNCHECKED, shown.gap or "not examined", None
    else:
        state, why, place = _JUDGES[claim.kind](claim, old, shown)
    return ClaimAnswer(claim, shown.subject, shown.kind, state, why, place or in_file(shown.subject))


_Answer = tuple[ClaimState, str, Location | None]


def _whole(shown: Shown, why: str) -> _Answer:
    """Return that nothing speaks against a claim: true where all was examined."""
    if shown.gap:
        return ClaimState.UNCHECKED, f"{why}, but not everything was examined: {shown.gap}", None
    return ClaimState.TRUE, why, None


def _places(found: Sequence[Finding]) -> str:
    names = list(dict.fromkeys(_where(one) for one in found))
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more


def _where(one: Finding) -> str:
    line = one.location.line if isinstance(one.location, InFile) else None
    return f"{one.where}:{line}" if line else one.where


def _component(claim: Claim, old: Shown, shown: Shown) -> _Answer:
    wanted = {f"component/{name}" for name in claim.components}
    there = [one for one in shown.findings if one.rule.id in wanted]
    if there:
        names = ", ".join(sorted({one.rule.id.removeprefix("component/") for one in there}))
        return ClaimState.FALSE, f"{names} in {_places(there)}", there[0].location
    before = [one for one in old.findings if one.rule.id in wanted]
    was = (
        f"the old bundle has it in {_places(before)}" if before else "the old bundle does not have it either"
    )
    return _whole(shown, f"not found; {was}")


def _credential(claim: Claim, old: Shown, shown: Shown) -> _Answer:
    values = {one.secret_hmac for one in old.findings if one.secret_hmac and _concerns(claim, one)}
    if not values:
        why = "no credential was found in the old bundle"
        return ClaimState.UNCHECKED, f"{why}{f': {old.gap}' if old.gap else ''}", None
    still = [one for one in shown.findings if one.secret_hmac in values]
    count = f"{len(values)} credential{'s' if len(values) > 1 else ''} of the old bundle"
    if still:
        same = len({one.secret_hmac for one in still})
        return ClaimState.FALSE, f"{same} of {count} in {_places(still)}", still[0].location
    if old.gap:
        return (
            ClaimState.UNCHECKED,
            f"{count} not found, but the old bundle was not examined in full: {old.gap}",
            None,
        )
    return _whole(shown, f"{count} not found")


def _concerns(claim: Claim, found: Finding) -> bool:
    """Return whether a credential of the old bundle lies where the claim speaks of."""
    inner = NESTING.join(found.location.parts[1:]) if isinstance(found.location, InFile) else found.where
    return not claim.paths or any(fnmatchcase(inner, one) for one in claim.paths)


def _policy(claim: Claim, _old: Shown, shown: Shown) -> _Answer:
    verdicts = [(one, one.policies[claim.policy]) for one in shown.servers if claim.policy in one.policies]
    bad = [one.id for one, verdict in verdicts if verdict == "fail"]
    if bad:
        more = f" and {len(bad) - _FEW} more" if len(bad) > _FEW else ""
        return ClaimState.FALSE, f"{', '.join(bad[:_FEW])}{more} violates {claim.policy}", in_file(bad[0])
    open_ = [one for one, verdict in verdicts if verdict != "pass"]
    if open_:
        return ClaimState.UNCHECKED, f"{open_[0].id}: the verdict of {claim.policy} is unknown: {open_[0].reason or 'a rule was not answered'}", None  # fmt: skip
    if not verdicts:
        return ClaimState.UNCHECKED, "no configuration of a TLS server was found", None
    scope = "" if shown.kind is SubjectKind.ENDPOINT else " (configuration)"
    servers = "1 server meets" if len(verdicts) == 1 else f"{len(verdicts)} servers meet"
    return _whole(shown, f"{servers} {claim.policy}{scope}")


def _port(claim: Claim, _old: Shown, shown: Shown) -> _Answer:
    if claim.expect is Expect.RESTART:
        return _restart(shown)
    place = shown.ports.get(claim.port)
    wanted = claim.expect is Expect.LISTENS
    if place is not None:
        how = (
            f"port {claim.port} is listened on"
            if shown.kind is SubjectKind.HOST
            else f"{place} names port {claim.port}"
        )
        return (ClaimState.TRUE if wanted else ClaimState.FALSE), how, in_file(place)
    if not shown.listening_known:
        what = (
            "what listens is not known"
            if shown.kind is SubjectKind.HOST
            else "no configuration in it names the port"
        )
        return ClaimState.UNCHECKED, what, None
    return (ClaimState.FALSE if wanted else ClaimState.TRUE), f"nothing listens on port {claim.port}", None


def _restart(shown: Shown) -> _Answer:
    """Return whether a changed port waits for a restart: only a host whose port was changed shows it."""
    if shown.kind is SubjectKind.BUNDLE:
        return ClaimState.UNCHECKED, "a bundle does not show what an engine does", None
    for one in shown.engine:
        if isinstance(one, Finding) and one.rule is PORT_DIFFERS:
            return ClaimState.TRUE, f"the old port is in use until the restart: {one.message}", one.location
    for one in shown.engine:
        if isinstance(one, Finding):
            return ClaimState.UNCHECKED, one.message, one.location
        if one.verdict is Verdict.PASS:
            return ClaimState.UNCHECKED, f"no change of the port is pending: {one.reason}", None
        return ClaimState.UNCHECKED, one.reason, None
    return ClaimState.UNCHECKED, "nothing is known of the engine's port", None


def _log(claim: Claim, _old: Shown, shown: Shown) -> _Answer:
    core = _plain(claim.says)
    lines = [one for one in shown.findings if core in _plain(one.evidence)]
    bad = [one for one in lines if not one.message.startswith("benign")]
    if bad:
        return ClaimState.FALSE, f"{_where(bad[0])}: {bad[0].message}", bad[0].location
    if not lines:
        return ClaimState.UNCHECKED, f"the message is not in it{f': {shown.gap}' if shown.gap else ''}", None
    return _whole(shown, f"{_where(lines[0])}: {lines[0].message}")


def _plain(text: str) -> str:
    return " ".join(text.replace("'", "").casefold().split())


def _advisory(claim: Claim, _old: Shown, shown: Shown) -> _Answer:
    answer = shown.answers[claim.advisory]
    if answer.status is Status.AFFECTED:
        place = answer.evidence[0][1] if answer.evidence else None
        return ClaimState.FALSE, f"affected: {answer.because}", place
    if answer.status is Status.UNDER_INVESTIGATION:
        return ClaimState.UNCHECKED, answer.because, None
    return ClaimState.TRUE, f"{answer.status.value.replace('_', ' ')}: {answer.because}", None


_JUDGES: Mapping[ClaimKind, Callable[[Claim, Shown, Shown], _Answer]] = {
    ClaimKind.COMPONENT_ABSENT: _component,
    ClaimKind.CREDENTIAL_GONE: _credential,
    ClaimKind.POLICY_MET: _policy,
    ClaimKind.PORT_BEHAVIOUR: _port,
    ClaimKind.LOG_BENIGN: _log,
    ClaimKind.ADVISORY_CLOSED: _advisory,
}
