"""One endpoint on the loop."""

from __future__ import annotations

from hardening.tls.scan.endpoint import ScanTarget
from hardening.tls.scan.engine.connecting import Address
from hardening.tls.scan.engine.conversations import Engine


class EndpointJob:
    """Where an endpoint is, what is asked there, and how far that is."""

    __slots__ = (
        "addresses",
        "connections",
        "engine",
        "finished",
        "opened_at",
        "seconds",
        "target",
        "waiting",
        "wake_at",
    )

    def __init__(self, target: ScanTarget, engine: Engine) -> None:
        self.target = target
        self.engine = engine
        self.addresses: list[Address] = []
        self.connections = 0
        self.wake_at: float | None = None
        self.waiting = False
        self.opened_at = 0.0
        self.seconds = 0.0
        self.finished = False
