"""Jetty's SslContextFactory in XML (7 to 12), and the connectors of Jetty 6; start.d says no more than ports and stores."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from hardening.errors import UsageError
from hardening.findings import Finding
from hardening.tls.judging import rules
from hardening.tls.libraries import builds, jsse
from hardening.tls.offer import Offer
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, ReleaseHint, Target
from hardening.tls.targets.java import options as java_options
from hardening.tls.targets.jetty import context as jetty_context
from hardening.tls.targets.jetty.context import has
from hardening.tls.targets.reading import protocol_ranges
from hardening.tls.targets.reading.tree import Tree

_SECURITY = "java.security of the JDK decides: `harden tls render java_security`"


def capabilities(release: Release, build: str, _params: Mapping[str, str]) -> Capabilities:
    """Return what a release can be told on a JDK. Errors: UsageError for an OpenSSL build."""
    if not build.startswith(builds.JDK):
        raise UsageError(
            f"Jetty uses Java's own TLS, not {builds.shown(build)}",
            hint="name a JDK with --openssl, such as jdk-21.0.10; Conscrypt is not modelled",
        )
    jdk = jsse.jdk(build)
    forbids = jsse.constraints(jdk.disabled, build)
    speaks = frozenset(p for p in jdk.protocols if forbids.permits_protocol(p))
    listed = has("IncludeProtocols", release)
    return Capabilities(
        protocols=speaks if listed else frozenset(),
        stuck={} if listed else dict.fromkeys((p for p in jdk.server_protocols if p in speaks), "use Jetty 7.6 or later"),
        unreachable=frozenset(n for n in jdk.suites if not forbids.permits_suite(n) or not _reachable(n, jdk, release)),
        groups="none",
        preference="settable" if has("useCipherSuitesOrder", release) else "server" if jdk.server_order else "client",
        dh_bits=jdk.dh_bits,
        ordered=has("IncludeCipherSuites", release),
        ways_out={
            "groups": _SECURITY,
            "unreachable": "java.security of the JDK disables them, or Jetty 6 cannot switch them on",
            "preference": "use Jetty 9.3 or later",
            "finite_field": "start Java with -Djdk.tls.ephemeralDHKeySize=2048",
        },
    )  # fmt: skip


def _reachable(name: str, jdk: jsse.Jdk, release: Release) -> bool:
    return has("IncludeCipherSuites", release) or name in jdk.enabled


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    old = job.release.upstream < (7,)
    return {
        "includes": has("IncludeCipherSuites", job.release),
        "root": "org.mortbay.jetty.Server" if job.release.upstream < (7,) else _factory(job.release),
        "public": "-//Mort Bay Consulting//DTD Configure//EN" if old else "-//Jetty//Configure//EN",
        "grammar": next(where for since, where in _GRAMMARS if job.release.upstream >= since),
        "body": [line for name, value in settings(job).items() for line in lines(name, value)],
        "port": job.params.get("listen", "").rpartition(":")[2],
    }


_GRAMMARS = (
    ((10,), "https://jetty.org/configure_10_0.dtd"),
    ((9, 3), "https://www.eclipse.org/jetty/configure_9_3.dtd"),
    ((9,), "http://www.eclipse.org/jetty/configure_9_0.dtd"),
    ((7,), "http://www.eclipse.org/jetty/configure.dtd"),
    ((0,), "http://jetty.mortbay.org/configure.dtd"),
)
"""Jetty refuses XML that names no grammar; it has them all within itself and fetches nothing."""


def _factory(release: Release) -> str:
    if release.upstream < (9,):
        return "org.eclipse.jetty.http.ssl.SslContextFactory"
    name = "org.eclipse.jetty.util.ssl.SslContextFactory"
    return f"{name}$Server" if has("SslContextFactory$Server", release) else name


def settings(job: Job) -> dict[str, list[str] | str]:
    """Return what a factory is told, by the name of each setting."""
    if not has("IncludeCipherSuites", job.release):
        wanted = {*job.ciphers, *job.ciphersuites}
        jdk = jsse.jdk(job.build)
        return {"ExcludeCipherSuites": [n for n in jdk.suites if n in jdk.enabled and n not in wanted]}
    found: dict[str, list[str] | str] = {
        "IncludeProtocols": [protocol_ranges.older(n) for n in job.protocols],
        "ExcludeProtocols": ["SSL", "SSLv2", "SSLv2Hello", "SSLv3"],
        "IncludeCipherSuites": [*job.ciphersuites, *job.ciphers],
        "ExcludeCipherSuites": [],
    }
    if "SSLv3" in job.protocols:
        found["ExcludeProtocols"] = ["SSL", "SSLv2", "SSLv2Hello"]
    if has("useCipherSuitesOrder", job.release):
        found["useCipherSuitesOrder"] = "true" if job.server_preference else "false"
    return found


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield one offer per SslContextFactory. On an OpenSSL build nothing is known, so the release's JDK is read."""
    if not reading.build.startswith(builds.JDK):
        note = f"{builds.shown(reading.release.openssl)}, for Jetty uses Java's own TLS"
        reading = Reading(
            release=reading.release, build=reading.release.openssl, assumptions=(*reading.assumptions, note)
        )
    yield from jetty_context.offers(tree, path, reading)


def libraries(_tree: Tree, _path: str, release: Release) -> tuple[str, ...]:
    """Return every JDK a release may run in."""
    return tuple(directives("jetty").default_of("javas", release).split())


def remedy(one: Finding, _way: Reading) -> str:
    """Return how Java is told, for Jetty has no word for it."""
    return java_options.WAY_OUT if one.rule.id == rules.DH_BITS.id else ""


_JAR = re.compile(r"/jetty-(?:server-)?(\d+\.\d+\.\d+)(?:\.v\d+)?\.jar$")


def detect_release(tree: Tree, path: str) -> ReleaseHint:
    """Return the release the jars say, where the file lies in a Jetty's home."""
    folder = posixpath.dirname(path)
    base = posixpath.dirname(folder) if posixpath.basename(folder) == "etc" else folder
    homes = [base]
    if re.fullmatch(r"jetty\d*", posixpath.basename(base)):
        homes.append(f"{tree.prefix}/usr/share/{posixpath.basename(base)}")
    for home in homes:
        for jar in () if tree.in_memory else tree.glob(f"{home}/lib/jetty-*.jar"):
            if found := _JAR.search(jar):
                return ReleaseHint(version=found[1], notes=(f"Jetty {found[1]}, for {jar} is there",))
    return ReleaseHint()


def edits(tree: Tree, path: str, _reading: Reading) -> Iterator[Edit]:
    """Yield the place of each factory's settings: old ones go, new ones come where its content begins."""
    for one in jetty_context.contexts(jetty_context.documents(tree, path)):
        first = one.layers[0]
        source = tree.source(first.path)
        if source is None or source.text[first.inner - 2 : first.inner] == "/>":
            continue  # an element without content has no place for settings
        column = first.first - source.text.rfind("\n", 0, first.first) - 1
        yield Edit(
            path=first.path,
            at=first.inner,
            remove=tuple((e.path, e.first, e.last) for _, e in one.set_elements()),
            write=_writer(" " * (column + 2)),
        )


def _writer(indent: str) -> Callable[[Job], str]:
    def write(job: Job) -> str:
        # how large DH parameters are depends on the JDK, so none
        job = replace(job, ciphers=tuple(n for n in job.ciphers if "_DHE_" not in n))
        return "".join(
            f"\n{indent}{line}" for name, value in settings(job).items() for line in lines(name, value)
        )

    return write


def lines(name: str, value: list[str] | str) -> list[str]:
    """Return a setting as lines of XML."""
    if isinstance(value, str):
        return [f'<Set name="{name}">{value}</Set>']
    if not value:
        return [f'<Set name="{name}"><Array type="String" /></Set>']
    items = [f"    <Item>{one}</Item>" for one in value]
    return [f'<Set name="{name}">', '  <Array type="String">', *items, "  </Array>", "</Set>"]


TARGET = Target(
    name="jetty",
    title="Eclipse Jetty",
    template="tls/jetty.xml.j2",
    main=(
        "etc/jetty-ssl-context.xml", "etc/jetty-ssl.xml", "jetty/jetty-ssl.xml",
        "jetty*/jetty-ssl-context.xml", "jetty-ssl-context.xml", "jetty-ssl.xml",
    ),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    detect_release=detect_release,
    libraries=libraries,
    remedy=remedy,
    fingerprint=re.compile(r"\"org\.(?:eclipse|mortbay)\.jetty\.[\w.$]+|SslContextFactory|<Configure\b"),
    check=(),
    place="/etc/jetty/tweak-ssl.xml",
    params={"listen": "port of the connector that Jetty 6 gets; later ones have it in start.d (jetty.ssl.port)"},
)  # fmt: skip
