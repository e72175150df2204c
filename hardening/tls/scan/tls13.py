"""TLS 1.3 up to the server's Finished, for what it only says under encryption: the chain, its groups.

The key schedule is RFC 8446 section 7.1. Nothing is proved to the server and no data is exchanged: the
connection is closed once its flight has been read.
"""

from __future__ import annotations

from hardening.tls.scan.answer import Listener
from hardening.tls.scan.ask import Question, Want


def needs_keys(question: Question) -> bool:
    """Tell whether a question takes real key shares."""
    return question.protocol == "TLSv1.3" and (question.want is Want.SEALED or question.shape.shares)


class Handshake(Listener):
    """Placeholder."""

    def __init__(self, question: Question, server_name: str | None) -> None:
        super().__init__(question)
        self.server_name = server_name

    def first(self) -> bytes:
        raise NotImplementedError
