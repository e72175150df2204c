"""System-wide crypto policies of EL8 and later: /etc/crypto-policies/config, `.pol` and `.pmod`.

Two offers: what a program on OpenSSL offers that leaves everything to the policy, and what sshd does.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from hardening.errors import UsageError
from hardening.findings import InFile
from hardening.tls.libraries import crypto_policies as language
from hardening.tls.libraries.crypto_policies import OPENSSH, OPENSSL, Effective, PolicySetting
from hardening.tls.offer import Located, Offer, SshOffer
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.reading import served
from hardening.tls.targets.reading.tree import Tree

_FOLDERS = ("/etc/crypto-policies/policies", "/usr/share/crypto-policies/policies")
_NAME = re.compile(r"[A-Za-z0-9_-]+(?::[A-Za-z0-9_.-]+)*$")
_HYBRID = ("MLKEM", "KEM-ECDH", "P256-MLKEM", "P384-MLKEM", "MLDSA")


def capabilities(_release: Release, _build: str, _params: Mapping[str, str]) -> Capabilities:
    """Return nothing: a module is rendered by `rendering.crypto_policies`."""
    return Capabilities(protocols=frozenset())


def context(_job: Job) -> dict[str, object]:
    """Return nothing: `rendering.crypto_policies` has its own."""
    return {}


def known(words: tuple[str, ...], release: Release) -> tuple[str, ...]:
    """Return the words a release knows; hybrids came late."""
    if directives("crypto_policies").has("hybrids", release):
        return words
    return tuple(w for w in words if not w.strip("+-").startswith(_HYBRID))


def _shipped(name: str, release: Release) -> list[PolicySetting]:
    return [replace(s, words=known(s.words, release)) for s in language.base(name)]


def _parsed(tree: Tree, path: str, release: Release) -> list[PolicySetting]:
    source = tree.source(path)
    if source is None:
        return []
    settings, faults = language.parse(source.text, path)
    for number, text in faults:
        tree.say("syntax", path, number, f"{text[:60]!r} is not understood")
    if not directives("crypto_policies").has("scopes", release):
        for one in settings:
            if one.scopes and "@" in source.text.split("\n")[one.line - 1]:
                tree.say(
                    "unknown-directive",
                    path,
                    one.line,
                    f"crypto-policies {release.version} has no scopes (@)",
                )
    return settings


def _found(tree: Tree, config: str, name: str) -> str | None:
    folders = (
        [tree.place(f, "/") for f in _FOLDERS] if tree.of_host else [f"{posixpath.dirname(config)}/policies"]
    )
    return next((p for f in folders if tree.exists(p := f"{f}/{name}")), None)


def _line(text: str) -> tuple[int, str]:
    """The one line of the file config that counts, and its number; without one it is DEFAULT."""
    rows = ((number, row.strip()) for number, row in enumerate(text.split("\n"), 1))
    return next(((n, row) for n, row in rows if row and not row.startswith("#")), (1, "DEFAULT"))


def _of_config(tree: Tree, path: str, text: str, release: Release) -> list[PolicySetting]:
    """The settings that the one line of the file config names: a policy, and modules after colons."""
    number, line = _line(text)
    if not _NAME.match(line):
        tree.say("syntax", path, number, f"{line[:60]!r} is not understood")
        return []
    name, *modules = line.split(":")
    own = _found(tree, path, f"{name}.pol")
    if own is not None:
        settings = _parsed(tree, own, release)
    elif name in language.shipped():
        settings = [replace(s, path=path, line=number) for s in _shipped(name, release)]
    else:
        tree.say("missing-include", path, number, f"the policy {name} is not there and not one we know")
        return []
    for module in modules:
        file = _found(tree, path, f"modules/{module}.pmod")
        if file is None:
            tree.say("missing-include", path, number, f"the module {module} is not there")
        else:
            settings += _parsed(tree, file, release)
    return settings


def settings_of(tree: Tree, path: str, release: Release) -> list[PolicySetting]:
    """Return every setting that counts: of a config, of a `.pol`, or of a module over DEFAULT."""
    source = tree.source(path)
    if source is None:
        return []
    if posixpath.basename(path) == "config":
        return _of_config(tree, path, source.text, release)
    own = _parsed(tree, path, release)
    if path.endswith(".pol"):
        return own
    return [*_shipped("DEFAULT", release), *own] if own else []


def _at(found: Effective, key: str, otherwise: InFile) -> InFile:
    one = found.settings_of.get(key)
    return InFile((one.path,), one.line) if one is not None and one.path else otherwise


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield what the policy comes to for programs on OpenSSL, and for sshd."""
    settings = settings_of(tree, path, reading.release)
    if not settings:
        return
    start = InFile((path,), 1)
    notes = (
        *reading.assumptions,
        "the shipped policies are upstream's of 2026-02; what the distribution changed in its own is not known",
    )
    tls = language.effective(settings, OPENSSL)
    cipher, protocol = _at(tls, "cipher", start), _at(tls, "protocol", start)
    yield served.offer(
        served.ServedSettings(
            subject=f"{path}#openssl",
            at=start,
            protocols=tuple(Located(n, protocol) for n in language.protocols(tls)),
            ciphers=Located(language.cipher_string(tls), cipher),
            ciphersuites=Located(language.ciphersuites(tls), cipher),
            groups=Located(language.groups(tls), _at(tls, "group", start)),
            server_preference=True,
            elliptic=any(not n.startswith("FFDHE") for n in tls.lists.get("group", ())),
            dh_bits=tls.number("min_dh_size", 2048),
            compression=False,
            assumptions=(*notes, "whose order decides is each program's own; the server's was assumed"),
        ),
        reading.build,
    )
    ssh = language.effective(settings, OPENSSH)
    place = {
        "kex": _at(ssh, "group", start),
        "host_keys": _at(ssh, "sign", start),
        "ciphers": _at(ssh, "cipher", start),
        "macs": _at(ssh, "mac", start),
    }
    lists = language.ssh_lists(ssh)
    yield Offer(
        subject=f"{path}#sshd",
        at=start,
        assumptions=notes,
        ssh=SshOffer(
            lists=tuple(
                (kind, tuple(Located(n, place[kind]) for n in names)) for kind, names in lists.items()
            )
        ),
    )


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the end of the last module: what is said last counts. Errors: UsageError where there is no module."""
    if posixpath.basename(path) == "config":
        source = tree.source(path)
        _, named = _line(source.text if source else "")
        module = named.rpartition(":")[2] if ":" in named else ""
        file = _found(tree, path, f"modules/{module}.pmod") if module else None
        if file is None:
            raise UsageError(
                f"{path} names a policy and no module of yours, so there is no file to put settings into",
                hint="`harden tls render crypto_policies -o HARDEN.pmod` writes a module; its first lines say what then",
            )
        path = file
    text = tree.source(path)
    yield Edit(path=path, at=len(text.text) if text else 0, remove=())


TARGET = Target(
    name="crypto_policies",
    title="a module for the system-wide crypto policy",
    template="tls/crypto_policies.pmod.j2",
    main=("crypto-policies/config",),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    writer="crypto_policies",
    fingerprint=re.compile(
        r"^\s*(?:(?:cipher|mac|group|hash|sign|key_exchange|protocol|tls_cipher|ssh_cipher)"
        r"(?:[ \t]*=[ \t]*[-+*]*[A-Z][A-Z\d]|@[\w{},!*?\- ]+[ \t]*=)|min_(?:rsa|dh)_size[ \t]*=[ \t]*\d)",
        re.MULTILINE,
    ),
    check=("update-crypto-policies", "--set", "DEFAULT:HARDEN"),
    place="/etc/crypto-policies/policies/modules/HARDEN.pmod",
)
