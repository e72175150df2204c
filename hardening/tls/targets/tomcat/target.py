"""Tomcat's server.xml: attributes of a Connector up to 9.0, SSLHostConfig elements since 8.5; Java's TLS or OpenSSL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from html import escape

from hardening.findings import Finding
from hardening.tls import registry
from hardening.tls.judging import rules
from hardening.tls.libraries import builds, jsse
from hardening.tls.offer import Offer
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Capabilities, Edit, Job, Reading, Target
from hardening.tls.targets.java import options as java_options
from hardening.tls.targets.reading import protocol_ranges, xml_syntax
from hardening.tls.targets.reading.tree import Tree
from hardening.tls.targets.tomcat import connectors, host_files
from hardening.tls.targets.tomcat.connectors import APR, OPENSSL, TlsHost, groups_settable, has, hosts

_SECURITY = "java.security of the JDK decides: `harden tls render java_security`"
_SYSTEM = "the OpenSSL configuration file of the host decides"
_NEWER = "use Tomcat {} or later"


def capabilities(release: Release, build: str, _params: Mapping[str, str]) -> Capabilities:
    """Return what a release can be told, in Java's own TLS or with OpenSSL."""
    return _can_jsse(release, build) if build.startswith(builds.JDK) else _can_openssl(release, build)


def _can_jsse(release: Release, build: str) -> Capabilities:
    jdk = jsse.jdk(build)
    forbids = jsse.constraints(jdk.disabled, build)
    order = has("SSLHostConfig", release) or (
        has("useServerCipherSuitesOrder", release) and jdk.numbers >= (8,)
    )
    return Capabilities(
        protocols=frozenset(p for p in jdk.protocols if forbids.permits_protocol(p)),
        unreachable=frozenset(n for n in jdk.suites if not forbids.permits_suite(n)),
        groups="list" if groups_settable(release, build) else "none",
        preference="settable" if order else "server" if jdk.server_order else "client",
        dh_bits=jdk.dh_bits,
        ways_out={
            "groups": _SECURITY,
            "unreachable": "java.security of the JDK disables them",
            "preference": _NEWER.format("8.5 or 7.0.60 on Java 8"),
            "finite_field": "start Java with -Djdk.tls.ephemeralDHKeySize=2048",
        },
    )


def _can_openssl(release: Release, build: str) -> Capabilities:
    newer = has("SSLHostConfig", release)
    singly = newer or has("apr TLSv1.1", release)
    speaks = builds.build(build).protocols
    every = (
        ("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3") if _has13(release) else ("TLSv1.0", "TLSv1.1", "TLSv1.2")
    )
    stuck = () if singly else ("SSLv2", "SSLv3", *every)  # `all` is the only word with TLS 1.1 and 1.2 in it
    return Capabilities(
        protocols=frozenset(every) if singly else frozenset(),
        stuck={n: _NEWER.format("7.0.57") for n in stuck if n in speaks},
        ciphersuites=has("cipherSuites", release),
        groups="list" if groups_settable(release, build) else "none",
        preference="settable" if newer or has("SSLHonorCipherOrder", release) else "client",
        finite_field=newer,
        ways_out={
            "ciphersuites": _NEWER.format("9.0.114, 10.1.51 or 11.0.16"),
            "groups": _SYSTEM,
            "preference": _NEWER.format("7.0.30"),
            "finite_field": _NEWER.format("8.5"),
        },
    )


def _has13(release: Release) -> bool:
    return has("apr TLSv1.3", release) and (not has("SSLHostConfig", release) or has("all TLSv1.3", release))


def settings(job: Job) -> dict[str, str]:
    """Return the attributes that say what a job means, as this release spells them."""
    java = job.build.startswith(builds.JDK)
    protocols = [protocol_ranges.older(n) for n in job.protocols]
    order = "true" if job.server_preference else "false"
    if has("SSLHostConfig", job.release):
        return _of_host(job, protocols, order, java=java)
    if java:
        found = {
            _enabled(job.release): ",".join(protocols),
            "ciphers": ",".join([*job.ciphersuites, *job.ciphers]),
        }
        if has("useServerCipherSuitesOrder", job.release) and jsse.jdk(job.build).numbers >= (8,):
            found["useServerCipherSuitesOrder"] = order
        return found
    found = {"SSLProtocol": "+".join(protocols) if has("apr TLSv1.1", job.release) else "all"}
    found["SSLCipherSuite"] = job.cipher_string
    if has("SSLHonorCipherOrder", job.release):
        found["SSLHonorCipherOrder"] = order
    return found


def _enabled(release: Release) -> str:
    return "sslEnabledProtocols" if has("sslEnabledProtocols", release) else "protocols"


def _of_host(job: Job, protocols: list[str], order: str, *, java: bool) -> dict[str, str]:
    found = {"protocols": "+".join(protocols)}
    apart = has("cipherSuites", job.release)
    names = list(job.ciphers) if apart or not java else [*job.ciphersuites, *job.ciphers]
    if java and not names:  # left out, it is a list that selects every suite of TLS 1.3
        names = list(job.ciphersuites)
    if names:
        found["ciphers"] = (",".join if java else ":".join)(names)
    if apart and job.ciphersuites:
        found["cipherSuites"] = ":".join(job.ciphersuites)
    elif apart:
        found["cipherSuites"] = ""
    if job.groups:
        found["groups"] = ",".join(g.name for n in job.groups if (g := registry.find_group(n)))
    return found | {"honorCipherOrder": order}


def _quoted(value: str) -> str:
    return f'"{escape(value)}"'


def _attributes(values: Mapping[str, str], indent: str) -> str:
    return f"\n{indent}".join(f"{name}={_quoted(value)}" for name, value in values.items())


def context(job: Job) -> dict[str, object]:
    """Return the template's variables."""
    host = has("SSLHostConfig", job.release)
    java = job.build.startswith(builds.JDK)
    listen = job.params.get("listen", "")
    address, _, port = listen.rpartition(":")
    connector: dict[str, str] = {}
    if host:
        connector["protocol"] = "org.apache.coyote.http11.Http11NioProtocol"
        if not java:
            connector["sslImplementationName"] = OPENSSL
        elif listen:
            connector["sslImplementationName"] = "org.apache.tomcat.util.net.jsse.JSSEImplementation"
    elif not java:
        connector["protocol"] = APR
    if listen:
        connector |= {"address": address.strip("[]"), "port": port} if address else {"port": port}
    if has("SSLEnabled", job.release):
        connector["SSLEnabled"] = "true"
    elif not java:
        connector["SSLEngine"] = "on"
    connector |= {"scheme": "https", "secure": "true"}
    values = settings(job)
    return {
        "connector": _attributes(connector, " " * 11),
        "host": host,
        "java": java,
        "flat": _attributes(values, " " * 11),
        "alone": _attributes(values, " " * 15),
        "nested": _attributes(values, " " * 17),
        "certificate": _quoted(job.params.get("certificate", "")),
        "key": _quoted(job.params.get("key", "")),
        "keystore": _quoted(job.params.get("keystore", "")),
    }


def read(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield one offer per TLS virtual host of each connector."""
    root = xml_syntax.read(tree, path)
    if root is not None:
        yield from connectors.offers(tree, root, reading)


def libraries(tree: Tree, path: str, release: Release) -> tuple[str, ...]:
    """Return every JDK a release may run in, and OpenSSL where a connector may use it."""
    root = xml_syntax.read(tree, path)
    used = {host.library for host in hosts(root, release)} if root else set()
    facts = directives("tomcat")
    javas = facts.default_of("javas", release).split() if used != {"openssl"} else []
    native = [facts.default_of("native openssl", release)] if used & {"openssl", "either"} else []
    return (*javas, *native) if used != {"openssl"} else tuple(native)


def remedy(one: Finding, way: Reading) -> str:
    """Return how Java is told, where the configuration has no word for it."""
    java = way.build.startswith(builds.JDK)
    return java_options.WAY_OUT if java and one.rule.id == rules.DH_BITS.id else ""


_HOST_ALONE = {"cipherSuites", "groups"}
_OLD = {
    "host": ("protocols", "ciphers", "cipherSuites", "groups", "honorCipherOrder"),
    "jsse": ("protocols", "sslEnabledProtocols", "ciphers", "useServerCipherSuitesOrder"),
    "apr": ("SSLProtocol", "SSLCipherSuite", "SSLHonorCipherOrder"),
}


def edits(tree: Tree, path: str, reading: Reading) -> Iterator[Edit]:
    """Yield the place of each virtual host's settings: old attributes go, new ones come after the name."""
    root, source = xml_syntax.read(tree, path), tree.source(path)
    text = source.text if source else ""
    for host in hosts(root, reading.release) if root else ():
        column = host.element.named - text.rfind("\n", 0, host.element.first)
        gone = [a for n in _OLD[host.style] if (a := host.element.attributes.get(n))]
        yield Edit(
            path=path,
            at=host.element.named,
            remove=tuple((path, a.first, a.last) for a in gone),
            write=_writer(host, " " * column),
        )


def _writer(host: TlsHost, indent: str) -> Callable[[Job], str]:
    def write(job: Job) -> str:
        if job.build.startswith(builds.JDK):  # how large DH parameters are depends on the JDK, so none
            job = replace(job, ciphers=tuple(n for n in job.ciphers if "_DHE_" not in n))
        values = settings(job)
        if host.style != "host" and has("SSLHostConfig", job.release):
            spelled = {"protocols": "sslEnabledProtocols", "honorCipherOrder": "useServerCipherSuitesOrder"}
            values = {spelled.get(k, k): v for k, v in values.items() if k not in _HOST_ALONE}
        return "".join(f"\n{indent}{name}={_quoted(value)}" for name, value in values.items())

    return write


TARGET = Target(
    name="tomcat",
    title="Apache Tomcat",
    template="tls/tomcat.xml.j2",
    main=("conf/server.xml", "tomcat*/server.xml", "server.xml"),
    capabilities=capabilities,
    context=context,
    read=read,
    edits=edits,
    detect_release=host_files.detect_release,
    libraries=libraries,
    remedy=remedy,
    fingerprint=re.compile(
        r"<(?:Connector|SSLHostConfig|Service name=\"Catalina\"|Engine name=\"Catalina\")\b"
    ),
    check=("/usr/share/tomcat10/bin/catalina.sh", "configtest"),
    place="/etc/tomcat/harden-tls.xml",
    params={
        "listen": "port, or address:port; a whole Connector is then written",
        "certificate": "certificate file (PEM), with its chain",
        "key": "private key file",
        "keystore": "key store of releases before 8.5; its password is taken from ${harden.keystore.password}",
    },
)
