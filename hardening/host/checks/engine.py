"""The control engine: the port its configuration says against the one it listens on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hardening.engine import port
from hardening.engine.product import Product
from hardening.errors import HardeningError
from hardening.findings import Finding, Result, Verdict, in_file
from hardening.host.checks.root import Root
from hardening.host.checks.rules import ENGINE_NOT_SEEN, PORT_DIFFERS, UNREAD
from hardening.host.rules import ENGINE_OPEN


def look(
    root: Root, subject: str, product: Product, listening: Iterable[Mapping[str, Any]] | None
) -> Iterator[Finding | Result]:
    """Yield where the two differ, and that every host reaches the port; a copy of a host does not show what listens."""
    if root.open_engine:
        yield Finding(rule=ENGINE_OPEN, subject=subject, location=in_file(subject), message=root.open_engine)
    path = root.engine.get("config") or product.place("engine-config").path
    key, process = root.engine.get("key") or product.key, root.engine.get("process") or product.process
    text = root.text(path)
    if text is None:
        yield Result(
            rule=PORT_DIFFERS, subject=subject, verdict=Verdict.NOT_APPLICABLE, reason=f"{path} is not there"
        )
        return
    try:
        wanted = port.configured(text, key, product.port)
    except HardeningError as problem:
        yield Finding(rule=UNREAD, subject=subject, location=in_file(path), message=f"{path}: {problem}")
        return
    if listening is None and not root.live:
        yield Result(
            rule=PORT_DIFFERS,
            subject=subject,
            verdict=Verdict.INCONCLUSIVE,
            reason=f"configured={wanted}; what listens is not in a copy",
        )
        return
    from hardening.onhost.shared.listeners import listeners

    if listening is None:
        listening = listeners()
    watched = {wanted, product.port}
    if any(one["port"] in watched and one["pid"] is None for one in listening):
        yield Result(
            rule=PORT_DIFFERS,
            subject=subject,
            verdict=Verdict.INCONCLUSIVE,
            reason=f"configured={wanted}; only root sees whose port it is",
        )
        return
    heard = port.running(listening, process, watched)
    now = port.EnginePort(
        configured=wanted,
        running=heard,
        elsewhere=() if heard else port.elsewhere(listening, process),
        others=port.others(listening, process, wanted),
    )
    if now.not_seen:
        yield Finding(
            rule=ENGINE_NOT_SEEN, subject=subject, location=in_file(path), evidence=key, message=now.line
        )
        yield Result(rule=PORT_DIFFERS, subject=subject, verdict=Verdict.INCONCLUSIVE, reason=now.line)
    elif now.restart_pending:
        yield Finding(
            rule=PORT_DIFFERS, subject=subject, location=in_file(path), evidence=key, message=now.line
        )
    else:
        yield Result(rule=PORT_DIFFERS, subject=subject, verdict=Verdict.PASS, reason=now.line)
