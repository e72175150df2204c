"""OpenSSH's ssh: the same lists as sshd's, for all hosts and per `Host` or `Match` block; the first value wins."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from hardening.findings import InFile
from hardening.tls.libraries import ssh_algorithms
from hardening.tls.offer import Located, Offer, SshOffer
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Edit, Reading, Target
from hardening.tls.targets.openssh.sshd import capabilities, context
from hardening.tls.targets.openssh.syntax import (
    KINDS,
    NAMES,
    SshLine,
    matches,
    resolved,
    unknown,
    unknown_directives,
)
from hardening.tls.targets.openssh.syntax import read as read_lines
from hardening.tls.targets.reading.tree import Tree

_EVERY_HOST = re.compile(r"host\s+\*|match\s+all", re.IGNORECASE)
_HOST = re.compile(r"host\s+(?P<patterns>.+)", re.IGNORECASE)


def _faults(tree: Tree, lines: Sequence[SshLine], release: Release) -> None:
    facts = directives("openssh_client")
    for line in lines:
        kind = KINDS.get(line.name)
        if kind is None:
            continue
        if why := facts.lacks(line.spelling, release) or unknown(kind, line.value, release, facts):
            tree.say("unknown-directive", line.path, line.line, why)


def _holds(block: str, host: str) -> bool:
    """Tell whether a block's settings hold for the hosts of another (`Host a*` for those of `Host ab`)."""
    if not block or _EVERY_HOST.fullmatch(block) or block == host:
        return True
    ours, theirs = _patterns(block), _patterns(host)
    if "*" in ours and not any(p.startswith("!") for p in ours):
        return True
    first = next((p for p in theirs if not p.startswith("!")), "")
    return bool(ours and first) and matches(first, ",".join(ours))


def _patterns(block: str) -> list[str]:
    found = _HOST.fullmatch(block)
    return found["patterns"].replace('"', " ").split() if found else []


def _each(block: str) -> list[str]:
    """Return the block of each single name that a block is for: those before it may hold for some of them alone."""
    patterns = _patterns(block)
    without = [p for p in patterns if p.startswith("!")]
    return [" ".join(["Host", p, *without]) for p in patterns if p not in without]


def _names(kind: str, lines: Sequence[SshLine], start: InFile, release: Release) -> tuple[Located, ...]:
    default = ssh_algorithms.defaults("client", release).get(kind)
    plain = default.names if default else ()
    line = next((x for x in lines if x.name == NAMES[kind].lower()), None)
    if line is None:
        return tuple(Located(n, start) for n in plain)
    return tuple(Located(n, line.at) for n in resolved(kind, line.value, plain, release))


def _offer(path: str, host: str, lines: Sequence[SshLine], reading: Reading) -> Offer:
    release, facts = reading.release, directives("openssh_client")
    here = [x for x in lines if _holds(x.block, host)]
    start = InFile((path,), 1)
    defaults = ssh_algorithms.defaults("client", release)
    names = {x.name for x in here}
    guessed = [
        ssh_algorithms.LABELS[kind]
        for kind, name in NAMES.items()
        if name.lower() not in names and "memory" in getattr(defaults.get(kind), "verified", "")
    ]
    notes = (
        (f"the default lists of {release.version} are taken from the server's: {', '.join(guessed)}",)
        if guessed
        else ()
    )
    protocol = None
    if facts.has("protocol 1", release):
        line = next((x for x in here if x.name == "protocol"), None)
        text = line.value if line else facts.default_of("protocol", release)
        protocol = Located(f"Protocol {text}", line.at if line else start) if "1" in text else None
    return Offer(
        subject=f"{path}#ssh:{host.partition(' ')[2] or '*'}",
        at=start,
        assumptions=(*reading.assumptions, *notes),
        ssh=SshOffer(
            lists=tuple((kind, _names(kind, here, start, release)) for kind in NAMES), protocol1=protocol
        ),
    )


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield one offer for all hosts, and one for each block that says something of its own."""
    lines = read_lines(tree, path, reading.release, directives("openssh_client"))
    if not lines:
        return
    _faults(tree, lines, reading.release)
    unknown_directives(tree, lines, directives("openssh_client"), reading.release)
    own = (x.block for x in lines if x.name in {*KINDS, "protocol"} and not _holds(x.block, ""))
    for host in dict.fromkeys(("", *own)):
        single = [_offer(path, one, lines, reading) for one in _each(host)]
        if len({one.ssh for one in single}) > 1:
            yield from single
        else:
            yield _offer(path, host, lines, reading)


def edits(_tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the top of the main file: the first value wins, so nothing below it has to go."""
    yield Edit(path=path, at=0, remove=())


_HOST_LINE = r"Host\s(?!\s*=|.*\b(?:md5|trust|reject|peer|ident|password|cert|scram-sha-256)\b)"
"""Not a line of PostgreSQL's `pg_hba.conf`."""
_OF_A_CLIENT = r"HashKnownHosts|ForwardAgent|ForwardX11|IdentityFile|StrictHostKeyChecking|ProxyCommand|SendEnv|UserKnownHostsFile|HostName\s"
_OF_BOTH = r"KexAlgorithms|HostKeyAlgorithms|MACs|Ciphers|PubkeyAuthentication|PubkeyAccepted\w+|PasswordAuthentication"
TARGET = Target(
    name="openssh_client",
    title="OpenSSH ssh",
    template="tls/openssh.conf.j2",
    main=("ssh/ssh_config", "ssh_config"),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    ssh="client",
    writer="ssh",
    fingerprint=re.compile(
        rf"^\s*(?:{_HOST_LINE}|{_OF_A_CLIENT}|(?:{_OF_BOTH})\s)", re.MULTILINE | re.IGNORECASE
    ),
    check=("ssh", "-G", "-F", "{path}", "localhost"),
    place="/etc/ssh/ssh_config",
)
