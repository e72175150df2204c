"""java.security of a JDK: jdk.tls.disabledAlgorithms, which takes from every server and client in that Java.

The offer is that of a server which sets nothing itself. What the file does not disable, a program may still enable;
what is rendered therefore disables every suite, version and group of that JDK the policy does not allow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hardening.errors import UsageError
from hardening.findings import Finding, InFile
from hardening.tls import registry
from hardening.tls.judging.facts import place
from hardening.tls.libraries import jsse
from hardening.tls.libraries.jsse import Jdk
from hardening.tls.offer import Located, Offer
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, ReleaseHint, Target
from hardening.tls.targets.java import jsse_served, start
from hardening.tls.targets.reading import properties_syntax
from hardening.tls.targets.reading.tree import Tree

_SYSTEM = "/etc/crypto-policies/back-ends/java.config"
_ONLY_PROGRAM = "the program or -Djdk.tls.namedGroups=... decides; a newer JDK can be configured here"
_WORDS = (
    "RC4",
    "RC4_40",
    "DES",
    "DES40_CBC",
    "3DES_EDE_CBC",
    "anon",
    "NULL",
    "ECDH_ECDSA",
    "ECDH_RSA",
    "DHE_DSS",
)
"""Parts that name a whole kind of suite and nothing a certificate or a signature would miss."""


def capabilities(_release: Release, build: str, params: Mapping[str, str]) -> Capabilities:
    """Return what a JDK can be told. Errors: UsageError for one that has no such property."""
    jdk = jsse.jdk(build)
    if not jdk.has_property:
        raise UsageError(
            f"{jdk.title} does not know {jsse.PROPERTY}, so its java.security cannot switch anything off",
            hint="update the JDK, or set versions and suites in the server that runs in it",
        )
    options = bool(params.get("options"))
    if options and jdk.numbers < start.SINCE:
        raise UsageError(
            f"whether {jdk.title} knows jdk.tls.server.protocols is not known",
            hint="render java.security for it, without --param options",
        )
    bits = params.get("dh_bits", "")
    if bits and not bits.isdecimal():
        raise UsageError(f"dh_bits={bits!r} is not a number", hint="such as --param dh_bits=2048")
    own = jsse.constraints(jdk.disabled, jdk.name)
    return Capabilities(
        protocols=frozenset(n for n in jdk.server_protocols if not options or own.permits_protocol(n)),
        unreachable=frozenset(n for n in jdk.suites if not own.permits_suite(n))
        if options
        else frozenset(jdk.suites) - jdk.enabled,
        groups="list" if jdk.named_groups else "none",
        preference="server" if jdk.server_order else "client",
        finite_field=not jdk.named_groups,  # there DHE goes with the last FFDHE group, which TLS 1.3 would use too
        dh_bits=int(bits) if bits else jdk.dh_bits,
        ordered=options,
        ways_out={
            "groups": _ONLY_PROGRAM,
            "unreachable": "the program has to enable them (SSLParameters.setCipherSuites)",
            "preference": "the program decides (SSLParameters.setUseCipherSuitesOrder)",
            "finite_field": "leave the suites and one FFDHE group out of the list by hand, where TLS 1.3 may use it too"
            if jdk.named_groups
            else "start Java with -Djdk.tls.ephemeralDHKeySize=2048 and say so: --param dh_bits=2048",
        },
    )


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    if job.params.get("options"):
        return {"options": _options(job)}
    return {"entries": entries(job), "property": jsse.PROPERTY}


def _options(job: Job) -> list[str]:
    """Return the options of Java's start that enable the job's versions, suites and groups."""
    bits = job.params.get("dh_bits")
    groups = [found.name for name in job.groups if (found := registry.find_group(name))]
    return [
        f"-Djdk.tls.server.protocols={','.join(map(jsse.java_protocol, job.protocols))}",
        f"-Djdk.tls.server.cipherSuites={','.join((*job.ciphersuites, *job.ciphers))}",
        *([f"-Djdk.tls.namedGroups={','.join(groups)}"] if groups else []),
        *([f"-Djdk.tls.ephemeralDHKeySize={bits}"] if bits else []),
    ]


def entries(job: Job) -> list[str]:
    """Return what has to be disabled so that the job's suites, versions and groups are all that is left."""
    jdk = jsse.jdk(job.build)
    wanted = {*job.ciphers, *job.ciphersuites}
    groups = {g.name for n in job.groups if (g := registry.find_group(n))}
    protocols = {jsse.java_protocol(n) for n in job.protocols}
    hello = [] if "SSLv2Hello" in jdk.disabled else ["SSLv2Hello"]
    found = [n for p in jdk.protocols if (n := jsse.java_protocol(p)) not in protocols] + hello
    own = [e.strip() for e in jdk.disabled.split(",") if e.strip()]
    versions = {"SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", "SSLv2Hello"}
    kept = [e for e in (*own, *_WORDS) if e not in versions and _spares(e, jdk, wanted, groups)]
    kept = [_larger(e, job) for e in dict.fromkeys(kept)]
    forbids = jsse.constraints(", ".join(kept), jdk.name)
    rest = [n for n in jdk.suites if n not in wanted and forbids.permits_suite(n)]
    if job.groups and jdk.named_groups:
        rest += [n for n in jdk.groups if n not in groups and forbids.permits_group(n)]
    return [*found, *kept, *rest]


def _spares(entry: str, jdk: Jdk, wanted: set[str], groups: set[str]) -> bool:
    """Whether an entry disables nothing that is wanted."""
    forbids = jsse.constraints(entry, jdk.name)
    return all(map(forbids.permits_suite, wanted)) and all(map(forbids.permits_group, groups))


def _larger(entry: str, job: Job) -> str:
    """The policy's own least size of a key exchange over finite fields, where it asks for more than Java does."""
    found = re.fullmatch(r"DH keySize < (\d+)", entry)
    return f"DH keySize < {max(int(found[1]), job.policy.dh_min_bits)}" if found else entry


_INCLUDES = (24,)
"""The first JDK whose files include others (measured on 25; the security guide has it from 24 on)."""
_HOMES = ("/conf/security/", "/jre/lib/security/", "/lib/security/")


def _properties(tree: Tree, path: str, reading: Reading) -> dict[str, properties_syntax.Property]:
    """Return the properties of a file, with those of files it includes where that Java follows them."""
    if jsse.jdk(reading.build).numbers < _INCLUDES:
        return properties_syntax.read(tree, path)
    home = next((path.rpartition(part)[0] for part in _HOMES if part in path), None)
    return properties_syntax.read_included(tree, path, {} if home is None else {"java.home": home})


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield the one offer of a server that sets nothing itself."""
    if started := start.properties_of(tree, path):
        yield from start.offers(tree, path, started, reading)
        return
    found = _properties(tree, path, reading)
    notes = (*reading.assumptions, "a server that sets nothing itself")
    system = found.get("security.useSystemPropertiesFile")
    if system is not None and system.value.lower() == "true":  # Red Hat's Java from EL8 on
        config = tree.place(_SYSTEM, "/")
        if tree.exists(config):
            found |= properties_syntax.read(tree, config)
        else:
            notes += (f"{_SYSTEM}, which would come on top, is not there",)
    facts = directives("java_security")
    for name, one in found.items():
        if why := facts.stray(name, reading.release):
            tree.say("unknown-directive", one.path, one.line, why)
    disabled, curves = found.get(jsse.PROPERTY), found.get(jsse.CURVES)
    if not any(name.startswith(("jdk.tls.", "security.provider", "jdk.disabled.")) for name in found):
        return
    jdk = jsse.jdk(reading.build)
    first = disabled or next(iter(found.values()))
    at = InFile((first.path,), first.line)
    if not jdk.has_property and disabled is not None:
        tree.say("unknown-directive", path, disabled.line, f"{jdk.title} does not know {jsse.PROPERTY}")
    if "security.provider.1" in found or disabled is not None:
        value = Located(disabled.value if disabled else "", at)
    else:  # a file for -Djava.security.properties that leaves this to Java's own
        value = Located(jdk.disabled, at)
    yield jsse_served.offer(
        jsse_served.JsseSettings(
            subject=path,
            at=at,
            disabled=value,
            curves=curves.value if curves else None,
            assumptions=notes,
        ),
        reading.build,
    )


def remedy(one: Finding, way: Reading) -> str:
    """Return what to add to the list of what is disabled: there is no list of what is offered."""
    jdk, name = jsse.jdk(way.build), one.evidence
    suite, group = registry.find_suite(name), registry.find_group(name)
    if not jdk.has_property or (group is not None and not jdk.named_groups):
        return ""
    if suite is not None:
        name = next((n for n in suite.jsse if n in jdk.suites), name)
    elif name in registry.PROTOCOLS:
        name = jsse.java_protocol(name)
    elif group is None:
        return ""
    return f"Add {name} to {jsse.PROPERTY}{place(one.location)}."


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the place of the property: the old one goes, the new one comes there. A start script is edited by hand."""
    if start.properties_of(tree, path):
        return
    source = tree.source(path)
    text = source.text if source else ""
    found = properties_syntax.read(tree, path).get(jsse.PROPERTY)
    after = properties_syntax.read(tree, path).get(
        "include"
    )  # what it brings would come over what stands before it
    at = max(found.last, after.last if after else 0) if found else len(text)
    lead = "" if not text[:at] or text[:at].endswith("\n") else "\n"

    def write(job: Job) -> str:
        return f"{lead}{jsse.PROPERTY}=" + ", \\\n    ".join(entries(job)) + "\n"

    old = ((path, found.first, found.last),) if found else ()
    yield Edit(path=path, at=at, remove=old, write=write)


_VERSION = re.compile(r'^JAVA_VERSION="([^"]+)"', re.MULTILINE)


def detect_release(tree: Tree, path: str) -> ReleaseHint:
    """Return what the `release` file of the Java home says, where the file lies in one."""
    folder = path.rpartition("/")[0]
    for up in ("conf/security", "jre/lib/security", "lib/security"):
        if not folder.endswith(f"/{up}"):
            continue
        home = folder.removesuffix(f"/{up}")
        for name in (f"{home}/release", f"{home.removesuffix('/jre')}/release"):
            source = tree.source(name) if tree.exists(name) else None
            if source and (version := _VERSION.search(source.text)):
                return _hint(version[1], name)
    return ReleaseHint()


def _hint(version: str, where: str) -> ReleaseHint:
    jdk = jsse.like(version)
    if jdk is None:
        return ReleaseHint()
    note = f"JDK {version}, for {where} says so"
    if jdk.numbers != jsse.numbers(version):
        note += f"; read like {jdk.name.removeprefix(jsse.PREFIX)}, the last before it that we know"
    return ReleaseHint(version=".".join(map(str, jdk.numbers)), build=jdk.name, notes=(note,))


TARGET = Target(
    name="java_security",
    title="Java (java.security)",
    template="tls/java.security.j2",
    main=(
        "conf/security/java.security",
        "jre/lib/security/java.security",
        "lib/security/java.security",
        "java.security",
    ),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    remedy=remedy,
    detect_release=detect_release,
    fingerprint=re.compile(
        r"^\s*(?:jdk\.tls\.\w+|jdk\.certpath\.\w+|security\.provider\.\d+|securerandom\.source)\s*=|"
        + start.MARK,
        re.MULTILINE,
    ),
    check=(),
    place="/etc/java/harden-tls.security",
    params={
        "dh_bits": "the size -Djdk.tls.ephemeralDHKeySize sets, for DHE suites; default: the JDK's own",
        "options": "any word: write options for the start (`java @FILE`, JDK 11 and later) instead of java.security",
    },
)
