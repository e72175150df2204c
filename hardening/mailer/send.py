"""Send a mail by the first transport that takes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage

from hardening.errors import HardeningError
from hardening.mailer import ews, graph
from hardening.mailer.net import RefusedBy
from hardening.mailer.secret import Secret
from hardening.mailer.settings import Settings, Transport
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

    @property
    def ok(self) -> bool:
        """Whether the mail was accepted."""
        return self.problem is None


def send(
    settings: Settings,
    mail: EmailMessage,
    *,
    tokens: Tokens | None = None,
    as_json: bool = False,
    told: Callable[[Attempt], None] = lambda _: None,
) -> tuple[Attempt, ...]:
    """Try each transport in the order of the settings until one accepts; never raises for a refusal."""
    tokens = tokens or Tokens(settings)
    attempts: list[Attempt] = []
    for transport in settings.transports:
        attempt = _try(settings, transport, mail, tokens, as_json=as_json)
        attempts.append(attempt)
        told(attempt)
        if attempt.ok:
            break
        if attempt.uncertain and "X-Possible-Duplicate" not in mail:
            mail["X-Possible-Duplicate"] = f"after {transport}"
    return tuple(attempts)


def _try(
    settings: Settings, transport: Transport, mail: EmailMessage, tokens: Tokens, *, as_json: bool
) -> Attempt:
    try:
        token = tokens.get(resource(settings, transport)).value
    except HardeningError as problem:  # no mail was on its way yet
        return Attempt(transport, problem=problem)
    try:
        if transport is Transport.GRAPH:
            return Attempt(transport, graph.send(settings, token, mail, as_json=as_json))
        if transport is Transport.EWS:
            return Attempt(transport, ews.send(settings, token, mail))
        return _smtp(settings, token, mail)
    except HardeningError as problem:
        on_its_way = isinstance(problem, RefusedBy) and problem.uncertain
        return Attempt(transport, problem=problem, uncertain=on_its_way)


def _smtp(settings: Settings, token: Secret, mail: EmailMessage) -> Attempt:
    with Submission(settings) as session:
        session.open()
        session.authenticate(token)
        refused = session.envelope([one.strip() for one in str(mail["To"]).split(",")])
        return Attempt(Transport.SMTP, session.data(mail.as_bytes()), refused=refused)
