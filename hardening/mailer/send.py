"""Send a mail by the first transport that takes it, and by the next to whom that one did not take."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage

from hardening.errors import HardeningError
from hardening.mailer import ews, graph
from hardening.mailer.error_catalogue import Class
from hardening.mailer.net import RefusedBy
from hardening.mailer.secret import Secret
from hardening.mailer.settings import MailerSettings, Transport
from hardening.mailer.submission import Submission
from hardening.mailer.tokens import Tokens, resource


@dataclass(frozen=True, slots=True)
class Attempt:
    """One transport's try: who refused, or what it answered when it accepted."""

    transport: Transport
    accepted: str = ""
    problem: HardeningError | None = None
    refused: dict[str, RefusedBy] = field(default_factory=dict)
    """Recipients that were not taken while others were."""
    uncertain: bool = False
    """The other side may have taken the mail although nobody said so."""
    asked: tuple[str, ...] = ()
    """The recipients it was tried for."""

    @property
    def ok(self) -> bool:
        """Return whether the mail was accepted, for one recipient at least."""
        return self.problem is None

    @property
    def accepted_by(self) -> tuple[str, ...]:
        """The recipients whose mail was accepted."""
        return tuple(one for one in self.asked if one not in self.refused) if self.ok else ()


def send(
    settings: MailerSettings,
    mail: EmailMessage,
    *,
    tokens: Tokens | None = None,
    as_json: bool = False,
    notify: Callable[[Attempt], None] = lambda _: None,
) -> tuple[Attempt, ...]:
    """Try each transport in the order of the settings until everybody's mail is accepted; never raises for a refusal."""
    tokens = tokens or Tokens(settings)
    attempts: list[Attempt] = []
    waiting = tuple(one.strip() for one in str(mail["To"]).split(","))
    for transport in settings.transports:
        attempt = _try(settings, transport, mail, waiting, tokens, as_json=as_json)
        attempts.append(attempt)
        notify(attempt)
        if attempt.ok:
            waiting = tuple(one for one, why in attempt.refused.items() if not _final(transport, why))
        if not waiting:
            break
        if attempt.uncertain and "X-Possible-Duplicate" not in mail:
            mail["X-Possible-Duplicate"] = f"after {transport}"
    return tuple(attempts)


def unsent(attempts: Sequence[Attempt]) -> dict[str, tuple[Transport, HardeningError]]:
    """Return the recipients whose mail nobody took, with who refused it last."""
    left: dict[str, tuple[Transport, HardeningError]] = {}
    for attempt in attempts:
        for one in attempt.asked:
            problem = attempt.problem or attempt.refused.get(one)
            if problem is None:
                left.pop(one, None)
            else:
                left[one] = (attempt.transport, problem)
    return left


def _final(transport: Transport, problem: RefusedBy) -> bool:
    """Return whether no other transport is worth a try: RCPT says who does not exist, Graph would take the mail and bounce it."""
    return transport is Transport.SMTP and problem.diagnosis.kind is Class.MESSAGE


def _try(
    settings: MailerSettings, transport: Transport, mail: EmailMessage, to: tuple[str, ...], tokens: Tokens, *, as_json: bool
) -> Attempt:  # fmt: skip
    try:
        token = tokens.get(resource(settings, transport)).value
    except HardeningError as problem:  # no mail was on its way yet
        return Attempt(transport, problem=problem, asked=to)
    try:
        if transport is Transport.SMTP:
            return _smtp(settings, token, mail, to)

        def whole(some: tuple[str, ...]) -> str:
            part = _addressed(mail, some)
            if transport is Transport.GRAPH:
                return graph.send(settings, token, part, as_json=as_json)
            return ews.send(settings, token, part)

        accepted, refused = _halved(whole, to)
    except HardeningError as problem:
        on_its_way = isinstance(problem, RefusedBy) and problem.uncertain
        return Attempt(transport, problem=problem, uncertain=on_its_way, asked=to)
    on_its_way = any(problem.uncertain for problem in refused.values())
    if len(refused) == len(to):
        first = next((problem for problem in refused.values() if problem.uncertain), refused[to[0]])
        return Attempt(transport, problem=first, uncertain=on_its_way, asked=to)
    return Attempt(transport, accepted, refused=refused, uncertain=on_its_way, asked=to)


def _halved(whole: Callable[[tuple[str, ...]], str], to: tuple[str, ...]) -> tuple[str, dict[str, RefusedBy]]:
    """Send to all at once, or by halves where one recipient makes the whole mail refused."""
    try:
        return whole(to), {}
    except RefusedBy as problem:
        if len(to) == 1 or problem.diagnosis.cause != "recipient-refused":
            return "", dict.fromkeys(to, problem)
    half = len(to) // 2
    (first, refused), (second, more) = _halved(whole, to[:half]), _halved(whole, to[half:])
    return first or second, {**refused, **more}


def _addressed(mail: EmailMessage, to: tuple[str, ...]) -> EmailMessage:
    """Return the mail for some of its recipients: Graph and EWS read them in its header."""
    part = copy.deepcopy(mail)
    part.replace_header("To", ", ".join(to))
    return part


def _smtp(settings: MailerSettings, token: Secret, mail: EmailMessage, to: tuple[str, ...]) -> Attempt:
    hung_up: dict[str, RefusedBy] = {}
    while True:
        some = [one for one in to if one not in hung_up]
        try:
            with Submission(settings) as session:
                session.open()
                session.authenticate(token)
                refused = {**hung_up, **session.envelope(some)}
                return Attempt(Transport.SMTP, session.data(mail.as_bytes()), refused=refused, asked=to)
        except RefusedBy as problem:
            if problem.recipient not in some or len(some) == 1:
                raise
            hung_up[problem.recipient] = problem  # the others are tried without the one at whom it hung up
