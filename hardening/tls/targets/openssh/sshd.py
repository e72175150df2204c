"""OpenSSH's sshd: KexAlgorithms, HostKeyAlgorithms, Ciphers, MACs, PubkeyAcceptedAlgorithms; the first value wins."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from hardening.findings import InFile
from hardening.tls.libraries import ssh_algorithms
from hardening.tls.offer import Inert, Located, Offer, SshOffer
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.openssh import host_keys as openssh_keys
from hardening.tls.targets.openssh.syntax import KINDS, NAMES, SshLine, resolved, unknown, unknown_directives
from hardening.tls.targets.openssh.syntax import read as read_lines
from hardening.tls.targets.reading import served
from hardening.tls.targets.reading.tree import Tree

_EVERYBODY = re.compile(r"match\s+(?:all|user\s+\*|address\s+\*|host\s+\*)\s*", re.IGNORECASE)
_POLICY = "/etc/crypto-policies/back-ends/opensshserver.config"
_SYSCONFIG = "/etc/sysconfig/sshd"
_OPTION = re.compile(r"-o\s*(?P<name>\w+)=(?P<value>[^\s']+)")
_FREED = re.compile(r"^\s*CRYPTO_POLICY=", re.MULTILINE)
_GSS = (
    "gss-group14-sha256-,gss-group16-sha512-,gss-nistp256-sha256-,gss-curve25519-sha256-,"
    "gss-group14-sha1-,gss-gex-sha1-"
)
"""GSSAPIKexAlgorithms where nothing is said, as sshd -T of 10.0p1 (Debian 13) shows it."""
UNSEEN_POLICY = (
    "the system-wide crypto policy was not seen; sshd of EL8 gets it on its command line, and it wins over the file "
    "unless /etc/sysconfig/sshd has a line CRYPTO_POLICY="
)


def capabilities(_release: Release, _build: str, _params: Mapping[str, str]) -> Capabilities:
    """Return what a release can express of TLS: nothing; SSH is rendered by `rendering.ssh`."""
    return Capabilities(protocols=frozenset())


def context(_job: Job) -> dict[str, object]:
    """Return the template's variables; `rendering.ssh` has its own."""
    return {}


def overruled(release: Release) -> bool:
    """Tell whether the system-wide policy reaches sshd by its command line and so wins over every file."""
    return release.version.endswith("-el8")


class _Config:
    """The settings of one sshd: the first value of each directive outside blocks that are for some users alone."""

    def __init__(self, tree: Tree, path: str, lines: Sequence[SshLine], release: Release) -> None:
        self.tree, self.path, self.lines, self.release = tree, path, lines, release
        self.start = InFile((path,), 1)

    def first(self, name: str) -> SshLine | None:
        return next((x for x in self.lines if x.name == name and not _for_some(x)), None)

    def every(self, name: str) -> list[SshLine]:
        return [x for x in self.lines if x.name == name and not _for_some(x)]

    def names(self, kind: str) -> tuple[Located, ...]:
        """The names of one kind, each with the line that lists it."""
        default = ssh_algorithms.defaults("server", self.release).get(kind)
        plain = default.names if default else ()
        line = self.first(NAMES[kind].lower())
        if line is None:
            found = tuple(Located(n, self.start) for n in plain)
        else:
            found = tuple(Located(n, line.at) for n in resolved(kind, line.value, plain, self.release))
        if kind == "user_keys":
            found += tuple(
                Located(n, x.at)
                for x in self.lines
                if x.name == "pubkeyacceptedalgorithms" and _for_some(x)
                for n in resolved(kind, x.value, plain, self.release)
            )
        return found

    def kex(self) -> tuple[Located, ...]:
        """The key exchanges, with those of GSSAPI where that is switched on."""
        found = self.names("kex")
        on = self.first("gssapikeyexchange")
        if on is None or on.value.lower() != "yes":
            return found
        setting = self.first("gssapikexalgorithms")
        text, at = (setting.value, setting.at) if setting else (_GSS, on.at)
        return tuple(Located(n, at) for n in text.split(",")) + found

    def host_keys(self) -> tuple[tuple[Located, ...], bool]:
        """The host key algorithms that a key is there for, and whether the keys themselves were read."""
        have, certain = openssh_keys.types(self.tree, self.lines, self.release)
        certified = bool(self.every("hostcertificate"))
        facts = directives("openssh")
        found: list[Located] = []
        for setting in self.names("host_keys"):
            if openssh_keys.base_type(setting.value) not in have or (
                "-cert-v0" in setting.value and not certified
            ):
                continue
            found.append(setting)
            if setting.value == "ssh-rsa" and not facts.has("host keys by signature", self.release):
                more = (
                    ("rsa-sha2-512", "rsa-sha2-256")
                    if facts.has("rsa-sha2 with ssh-rsa", self.release)
                    else ()
                )
                found += [Located(n, setting.at) for n in more]
        return tuple(dict.fromkeys(found)), certain

    def protocol1(self) -> Located | None:
        """Where protocol 1 is offered."""
        facts = directives("openssh")
        if not facts.has("protocol 1", self.release):
            return None
        line = self.first("protocol")
        text = line.value if line else facts.default_of("protocol", self.release)
        return Located(f"Protocol {text}", line.at if line else self.start) if "1" in text else None

    def inert(self) -> tuple[Inert, ...]:
        """Protocol 1, where a line asks for it and the release has none."""
        line = self.first("protocol")
        if line is None or "1" not in line.value or directives("openssh").has("protocol 1", self.release):
            return ()
        return (Inert(Located("protocol 1", line.at), f"OpenSSH {self.release.version} has none of it"),)

    def subjects(self) -> tuple[str, ...]:
        """The file with each port, as other targets name their servers."""
        ports = [x.value for x in self.every("port")] or ["22"]
        listen = [x.value for x in self.every("listenaddress")]
        numbers = [found[1] for one in listen if (found := re.search(r"(?:\]|^[^:]*):(\d+)$", one))]
        return served.named(self.path, ("sshd",), numbers or ports)


def _for_some(line: SshLine) -> bool:
    return bool(line.block) and _EVERYBODY.fullmatch(line.block) is None


def _faults(tree: Tree, lines: Sequence[SshLine], release: Release) -> None:
    """Say which lines about algorithms a release refuses or passes over."""
    facts = directives("openssh")
    for line in lines:
        kind = KINDS.get(line.name)
        if kind is None:
            continue
        if why := facts.lacks(line.spelling, release) or unknown(kind, line.value, release, facts):
            tree.say("unknown-directive", line.path, line.line, why)
        elif line.block and kind != "user_keys":
            tree.say("misplaced", line.path, line.line, f"{line.spelling} is not allowed in a Match block")


def _system_policy(tree: Tree, release: Release) -> tuple[list[SshLine], tuple[str, ...]]:
    """The options the service of EL8 passes to sshd, and what had to be assumed."""
    if not overruled(release):
        return [], ()
    path, freed = tree.place(_POLICY, "/"), tree.place(_SYSCONFIG, "/")
    if not tree.of_host or not tree.exists(path):
        return [], (UNSEEN_POLICY,)
    if tree.exists(freed) and (found := tree.source(freed)) and _FREED.search(found.text):
        return [], ()
    source = tree.source(path)
    options = _OPTION.finditer(source.text) if source else ()
    return [SshLine(m["name"].lower(), m["name"], m["value"], path, 1, "") for m in options], ()


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield the one offer of an sshd."""
    release = reading.release
    lines = read_lines(tree, path, release, directives("openssh"))
    if not lines:
        return
    _faults(tree, lines, release)
    unknown_directives(tree, lines, directives("openssh"), release)
    above, notes = _system_policy(tree, release)
    config = _Config(tree, path, [*above, *lines], release)
    host_keys, certain = config.host_keys()
    defaults = ssh_algorithms.defaults("server", release)
    guessed = [
        ssh_algorithms.LABELS[kind]
        for kind, name in NAMES.items()
        if config.first(name.lower()) is None and "memory" in getattr(defaults.get(kind), "verified", "")
    ]
    if guessed:
        notes += (f"the default lists of {release.version} are from memory: {', '.join(guessed)}",)
    if not certain:
        notes += (openssh_keys.FROM_NAMES,)
    subject, *also = config.subjects()
    yield Offer(
        subject=subject,
        also=tuple(also),
        at=config.start,
        assumptions=(*reading.assumptions, *notes),
        ssh=SshOffer(
            lists=(
                ("kex", config.kex()),
                ("host_keys", host_keys),
                ("ciphers", config.names("ciphers")),
                ("macs", config.names("macs")),
                ("user_keys", config.names("user_keys")),
            ),
            protocol1=config.protocol1(),
        ),
        inert=config.inert(),
    )


def edits(_tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the top of the main file: the first value wins, so nothing below it has to go."""
    yield Edit(path=path, at=0, remove=())


TARGET = Target(
    name="openssh",
    title="OpenSSH sshd",
    template="tls/openssh.conf.j2",
    main=("ssh/sshd_config", "sshd_config"),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    fingerprint=re.compile(
        r"^\s*(?:KexAlgorithms|HostKey\w*|MACs|Ciphers|PermitRootLogin|PubkeyAuthentication|UsePAM|Subsystem|"
        r"AuthorizedKeysFile|PasswordAuthentication|X11Forwarding|PubkeyAccepted\w+)\s",
        re.MULTILINE | re.IGNORECASE,
    ),
    check=("sshd", "-t", "-f", "{path}"),
    place="/etc/ssh/sshd_config",
    ssh="server",
    writer="ssh",
    params={
        "listen": "address and port, as ListenAddress takes them",
        "key": "host key file",
    },
)
