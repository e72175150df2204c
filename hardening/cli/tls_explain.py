"""`harden tls explain`: what a suite, a cipher string or a policy means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardening.cli import completing

if TYPE_CHECKING:
    from hardening.tls.openssl import Build, Cipher, CipherStep, Resolution
    from hardening.tls.policies.ruleset import Policy
    from hardening.tls.registry import Suite


@click.command()
@click.argument("what", required=False)
@click.option(
    "--openssl",
    "build_name",
    metavar="BUILD",
    shell_complete=completing.builds,
    help="The OpenSSL build; see `harden tls builds`.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Format of the output.",
)
@click.option("--batch", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), metavar="FILE",
              help="File of cipher strings, one per line; prints one JSON object per line.")  # fmt: skip
def command(what: str | None, build_name: str | None, form: str, batch: Path | None) -> None:
    """Explain WHAT: a suite by any of its names, an OpenSSL cipher string, or a policy.

    With --openssl a cipher string means exactly what that build makes of it.
    """
    from hardening.errors import UsageError

    if (what is None) == (batch is None):
        raise UsageError("give either WHAT or --batch FILE", hint="harden tls explain --help")
    if batch is not None:
        _batch(batch, build_name)
    elif what is not None:
        lines = _explain(what, build_name, form)
        click.echo("\n".join(lines))


def _batch(path: Path, build_name: str | None) -> None:
    import json

    from hardening.tls.openssl import resolve

    build = _build(build_name)
    for string in _lines(path):
        click.echo(json.dumps(_json(resolve(string, build))))


def _lines(path: Path) -> Iterator[str]:
    from hardening.errors import InputError

    try:
        with click.open_file(str(path), encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                yield line.rstrip("\r\n")
    except OSError as problem:
        raise InputError(f"cannot read {path}: {problem.strerror}", hint="check the path") from problem


def _build(name: str | None) -> Build:
    from hardening.tls.openssl import NAMES, build

    return build(name or NAMES[-1])


def _explain(what: str, build_name: str | None, form: str) -> list[str]:
    from hardening.tls import policy, registry

    if what in policy.available() or what in policy.SHORT_NAMES or what.endswith(".toml"):
        return _policy(what, build_name, form)
    suite = registry.find_suite(what) if build_name is None or what.startswith("0x") else None
    if suite is not None:
        return _suite(what, suite, form)
    return _string(what, build_name, form)


def _row(cipher: Cipher) -> dict[str, str]:
    return {"code": cipher.hex, "iana": cipher.iana, "openssl": cipher.name}


def _json(resolution: Resolution) -> dict[str, Any]:
    from hardening.tls.libraries import openssl_traps

    return {
        "what": resolution.string,
        "build": resolution.build.name,
        "error": resolution.error,
        "suites": [_row(c) for c in resolution.ciphers],
        "tls13": [_row(c) for c in resolution.tls13],
        "security_level": resolution.security_level,
        "notes": list(openssl_traps.notes(resolution)),
    }


def _object(body: dict[str, Any]) -> list[str]:
    import json

    return [json.dumps(body)]


def _string(what: str, build_name: str | None, form: str) -> list[str]:
    from hardening.tls.libraries import openssl_traps
    from hardening.tls.openssl import resolve

    resolution = resolve(what, _build(build_name))
    if form == "json":
        return _object(_json(resolution))
    build = resolution.build
    lines = [f"{what}", f"  on {build.name}: {build.title}", ""]
    if build_name is None:
        lines[1] += " (no --openssl given, so the newest build)"
    lines += [line for step in resolution.steps for line in _step(step)]
    lines.append("")
    if resolution.error:
        lines.append(f"The library refuses the string: {resolution.error}.")
    else:
        lines.append(f"{len(resolution.ciphers)} suites, in this order:")
        lines += _table(resolution.ciphers)
    if resolution.tls13:
        lines += ["", "TLS 1.3 has its own setting; by itself the library offers:"]
        lines += _table(resolution.tls13)
    lines += _notes(openssl_traps.notes(resolution))
    return lines if build_name else [*lines, *_elsewhere(what)]


_VERBS = {
    "add": "adds {n}",
    "delete": "takes out {n}, which may come back",
    "kill": "removes {n} for good",
    "move": "moves {n} to the end",
    "sort": "sorts {n} by strength",
    "level": "sets the security level",
    "unknown": "has no meaning here, ignored",
    "error": "is invalid, and so is the whole string",
}


def _step(step: CipherStep) -> list[str]:
    element = f"{step.inside} / {step.element}" if step.inside else step.element
    line = f"  {element:28} {_VERBS[step.action].format(n=len(step.changed))}"
    if not step.changed or step.action == "sort":
        return [line]
    names = [c.name for c in step.changed]
    shown = ", ".join(names[:4]) + (f" ... {names[-1]}" if len(names) > len(names[:4]) else "")
    return [line, f"  {'':28}   {shown}"]


def _table(ciphers: Iterable[Cipher]) -> list[str]:
    return [f"  {c.hex:8}  {c.iana:45}  {c.name}" for c in ciphers]


def _notes(notes: Iterable[str]) -> list[str]:
    found = [f"  ! {note}" for note in notes]
    return ["", "Take care:", *found] if found else []


def _elsewhere(what: str) -> list[str]:
    from hardening.tls.openssl import builds, resolve

    lines = ["", "The same string on the other builds:"]
    for build in builds():
        found = resolve(what, build)
        lines.append(f"  {build.name:22} {found.error or f'{len(found.ciphers)} suites'}")
    return lines


def _suite(what: str, suite: Suite, form: str) -> list[str]:
    notes = _suite_notes(suite)
    if form == "json":
        row = {"code": suite.hex, "iana": suite.iana, "openssl": suite.openssl[0] if suite.openssl else None}
        return _object({"what": what, "build": None, "error": None, "suites": [row], "notes": notes})
    from hardening.tls.openssl import builds

    names = (
        ("OpenSSL", ", ".join(suite.openssl)),
        ("GnuTLS", suite.gnutls or ""),
        ("NSS", suite.nss or ""),
        ("Java", ", ".join(suite.jsse)),
    )
    lines = [f"{suite.iana} ({suite.hex})"]
    lines += [f"  {label:16} {value}" for label, value in names if value]
    lines += [
        f"  {'key exchange':16} {suite.kx}{', forward secrecy' if suite.forward_secrecy else ''}",
        f"  {'authentication':16} {suite.auth}",
        f"  {'encryption':16} {suite.enc} {suite.bits} bits {suite.mode or ''}".rstrip(),
        f"  {'protocols':16} {suite.min} to {suite.max}",
        f"  {'IANA recommends':16} {suite.recommended or 'not registered'} ({', '.join(suite.references)})",
        f"  {'source':16} {suite.source}",
    ]
    if suite.flags:
        lines.append(f"  {'weaknesses':16} {', '.join(sorted(suite.flags))}")
    have = [b.name for b in builds() if any(c.code == suite.code for c in (*b.ciphers, *b.tls13))]
    lines.append(f"  {'in builds':16} {', '.join(have) or 'none of the builds we know'}")
    return lines + _notes(notes)


_WEAK = {
    "NULL": "It does not encrypt.",
    "ANON": "It does not authenticate the server: anybody can be in the middle.",
    "EXPORT": "It is an export suite: its key can be broken in minutes.",
    "RC4": "RC4 is prohibited (RFC 7465).",
}


def _suite_notes(suite: Suite) -> list[str]:
    notes = [text for flag, text in _WEAK.items() if flag in suite.flags]
    if suite.scsv:
        notes.append("It is a signal in the list of suites, not a suite.")
    if suite.tls13:
        notes.append("A TLS 1.3 suite: it is set with Ciphersuites, not in the cipher list.")
    return notes


def _policy(what: str, build_name: str | None, form: str) -> list[str]:
    from hardening.tls import policy

    chosen = policy.load(what)
    build = None if build_name is None else _build(build_name)
    names = {c.code: c.name for c in (*build.ciphers, *build.tls13)} if build else {}
    wanted = (*chosen.suites13, *chosen.suites)
    had = [s for s in wanted if build is None or s.code in names]
    rows = [
        {"code": s.hex, "iana": s.iana, "openssl": names.get(s.code) or (s.openssl[0] if s.openssl else None)}
        for s in had
    ]
    notes = list(chosen.notes)
    if build is not None and len(had) < len(wanted):
        lacking = ", ".join(s.iana for s in wanted if s.code not in names)
        notes.append(f"{build.name} lacks {len(wanted) - len(had)} of the policy's suites: {lacking}")
    speaks = [p for p in chosen.protocols if build is None or p in build.protocols]
    lost = _locked_out(chosen, speaks, had)
    if form == "json":
        body = {"what": what, "build": build and build.name, "error": None, "suites": rows, "notes": notes}
        return _object(body | {"locked_out": lost})
    lines = [f"{chosen.id}: {chosen.title}", f"  protocols {', '.join(speaks)}"]
    lines.append(f"  on {build.name}" if build else "  suites, in order of preference:")
    lines += [f"  {row['code']:8}  {row['iana']:45}  {row['openssl'] or ''}".rstrip() for row in rows]
    lines += _notes(notes)
    if lost:
        lines += ["", f"{len(lost)} known clients could not connect to a server that offers this:"]
        lines += [f"  {one['title']} ({one['verified']}): {one['reason']}" for one in lost]
    return [*lines, "", f"`harden tls policies {chosen.id}` shows it rule by rule."]


def _locked_out(chosen: Policy, speaks: Iterable[str], had: Iterable[Suite]) -> list[dict[str, str]]:
    """Return who could not connect to a server that offers exactly this; empty if nothing is to be rendered."""
    from hardening.findings import in_file
    from hardening.tls.clients import locked_out
    from hardening.tls.offer import Located, Offer, ProtocolOffer
    from hardening.tls.registry import PROTOCOLS

    at = in_file(chosen.id)
    suites = list(had)
    offered = []
    for name in speaks:
        fit = [s for s in suites if PROTOCOLS.index(s.min) <= PROTOCOLS.index(name) <= PROTOCOLS.index(s.max)]
        if fit:
            offered.append(
                ProtocolOffer(
                    name=name,
                    at=at,
                    suites=tuple(Located(s.iana, at) for s in fit),
                    preference="server",
                    groups=tuple(Located(g.name, at) for g in chosen.groups),
                )
            )
    if not offered:
        return []
    lost = locked_out(Offer(subject=chosen.id, at=at, protocols=tuple(offered)))
    return [
        {"client": h.client.id, "title": h.client.title, "reason": h.reason, "verified": h.client.verified}
        for h in lost
    ]
