"""The TLS connectors of a server.xml: which library each uses, and what its attributes mean in a release of Tomcat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from hardening.findings import InFile, Location
from hardening.records import dataclass
from hardening.tls import registry
from hardening.tls.libraries import builds, jsse
from hardening.tls.offer import ClientCertificate, Located, Offer
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Reading
from hardening.tls.targets.java import jsse_served
from hardening.tls.targets.reading import (
    certificates,
    client_certificates,
    protocol_ranges,
    served,
    ssl_conf_cmd,
)
from hardening.tls.targets.reading.tree import Tree
from hardening.tls.targets.reading.xml_syntax import Attribute, Element
from hardening.tls.targets.tomcat import ciphers as tomcat_ciphers
from hardening.tls.targets.tomcat import host_files
from hardening.tls.targets.tomcat import properties as tomcat_properties

OPENSSL = "org.apache.tomcat.util.net.openssl.OpenSSLImplementation"
APR = "org.apache.coyote.http11.Http11AprProtocol"
_ALL = ("TLSv1.0", "TLSv1.1", "TLSv1.2")
_FILTERED = re.compile(r"EXP|_DES_|_RC4_|^(?:TLS|SSL)_RSA_")
"""What JSSESocketFactory takes out of the JDK's own suites since 7.0.69, on Java 7 and later."""


def has(feature: str, release: Release) -> bool:
    """Tell whether a release of Tomcat has a feature."""
    return directives("tomcat").has(feature, release)


def groups_settable(release: Release, build: str) -> bool:
    """Tell whether `groups` works: with OpenSSL, or in Java 20 and later."""
    return has("groups", release) and (not build.startswith(builds.JDK) or jsse.jdk(build).numbers >= (20,))


@dataclass(frozen=True, slots=True)
class TlsHost:
    """One TLS virtual host: the element that holds its settings, and the connector it belongs to."""

    element: Element
    connector: Element | None
    style: str
    """`host` for SSLHostConfig, `jsse` or `apr` for attributes of the connector itself."""
    library: str
    """`jsse`, `openssl`, or `either` where the file cannot tell."""

    def attribute(self, *names: str) -> Attribute | None:
        """Return the first of these attributes that is there."""
        return next((a for n in names if (a := self.element.attributes.get(n))), None)

    def setting(self, *names: str) -> Located | None:
        """Return the first of these attributes that is there, with its place."""
        found = self.attribute(*names)
        return Located(found.value, InFile((self.element.path,), found.line)) if found else None

    @property
    def at(self) -> InFile:
        """Where the settings begin."""
        return InFile((self.element.path,), self.element.line)


def hosts(root: Element, release: Release) -> Iterator[TlsHost]:
    """Yield every TLS virtual host of a document; a fragment that is one SSLHostConfig is one too."""
    listener = any("AprLifecycleListener" in e.value("className") for e in root.every("Listener"))
    if root.name == "SSLHostConfig":
        yield TlsHost(root, None, "host", _named_library(root.value("sslImplementationName")) or "jsse")
    for connector in root.every("Connector"):
        if not _secured(connector, release):
            continue
        library = _library(connector, release, listener=listener)
        inner = [c for c in connector.children if c.name == "SSLHostConfig"]
        if inner and has("SSLHostConfig", release):
            for one in inner:
                yield TlsHost(one, connector, "host", library)
            continue
        apr = any(n in connector.attributes for n in ("SSLCertificateFile", "SSLCipherSuite", "SSLProtocol"))
        yield TlsHost(connector, connector, "apr" if apr else "jsse", library)


def _secured(connector: Element, release: Release) -> bool:
    if connector.value("protocol").upper().startswith("AJP"):
        return False
    if has("SSLEnabled", release):
        return connector.value("SSLEnabled").lower() == "true"
    if connector.value("SSLEngine"):
        return connector.value("SSLEngine").lower() == "on"
    return connector.value("secure").lower() == "true" and connector.value("scheme").lower() == "https"


def _named_library(name: str) -> str:
    if not name:
        return ""
    return "openssl" if ".openssl." in name else "jsse"


def _library(connector: Element, release: Release, *, listener: bool) -> str:
    protocol = connector.value("protocol") or "HTTP/1.1"
    if "Apr" in protocol:
        return "openssl"
    if has("SSLHostConfig", release):
        named = _named_library(connector.value("sslImplementationName"))
        return named or ("either" if listener else "jsse")
    if protocol.upper() != "HTTP/1.1":
        return "jsse"
    if "SSLCertificateFile" in connector.attributes:
        return "openssl"
    return "either" if listener and "keystoreFile" not in connector.attributes else "jsse"


def offers(tree: Tree, root: Element, reading: Reading) -> Iterator[Offer]:
    """Yield one offer per TLS virtual host."""
    tomcat_properties.filled_in(tree, root)
    for host in hosts(root, reading.release):
        yield _Reader(tree, host, reading).offer()


_FILES = ("SSLCertificateFile", "certificateFile", "keystoreFile", "certificateKeystoreFile")
_PASSWORDS = ("keystorePass", "certificateKeystorePassword")
_CHAINS = ("SSLCertificateChainFile", "certificateChainFile")


class _Reader:
    """One virtual host in one release on one library."""

    def __init__(self, tree: Tree, host: TlsHost, reading: Reading) -> None:
        self.tree, self.host, self.reading = tree, host, reading
        self.release = reading.release
        self.facts = directives("tomcat")
        java = reading.build.startswith(builds.JDK)
        native = host.library == "openssl" or (host.library == "either" and not java)
        if native:
            self.build = reading.build if not java else self.facts.default_of("native openssl", self.release)
        else:
            self.build = reading.build if java else self.release.openssl
        self.native = native
        self.notes = list(reading.assumptions)
        if host.library == "either":
            self.notes.append(
                "Tomcat Native is there"
                if native
                else "Tomcat Native is not there, so Java's own TLS is used"
            )
        if self.build != reading.build:
            self.notes.append(f"{builds.shown(self.build)} for this connector")

    def offer(self) -> Offer:
        self._unknown()
        return self._openssl() if self.native else self._jsse()

    def _unknown(self) -> None:
        for name, one in self.host.element.attributes.items():
            if name in _KNOWN and self.host.style != "host" and (why := self._lacks(name)):
                self.tree.say("unknown-directive", self.host.element.path, one.line, why)
        for name in ("cipherSuites", "groups") if self.host.style == "host" else ():
            found = self.host.attribute(name)
            if found is not None and (why := self.facts.lacks(name, self.release)):
                self.tree.say("unknown-directive", self.host.element.path, found.line, why)
        only = self.host.attribute("sslProtocol")
        if only and protocol_ranges.named(only.value) and not self.native:
            self.notes.append(f"sslProtocol={only.value} restricts no server, so it is passed over")

    def _lacks(self, name: str) -> str:
        if not has("connector attributes", self.release):
            return f"Tomcat {self.release.version} knows {name} in an SSLHostConfig alone"
        return self.facts.lacks(name, self.release) if name in self.facts.features else ""

    def _subject(self) -> str:
        connector = self.host.connector
        if connector is None:
            return self.host.element.path
        name = self.host.element.value("hostName") if self.host.style == "host" else ""
        address = connector.value("address")
        port = connector.value("port") or "?"
        return f"{connector.path}#{name or address or '*'}:{port}"

    def _keys(self) -> frozenset[str] | None:
        element = self.host.element
        kinds = {"RSA": "rsa", "EC": "ec", "DSA": "dsa"}
        stated: set[str] = set()
        files = [v for n in ("SSLCertificateFile", "certificateFile") if (v := element.value(n))]
        for one in element.children if self.host.style == "host" else ():
            if one.name != "Certificate":
                continue
            if kind := kinds.get(one.value("type").upper()):
                stated.add(kind)
            elif file := one.value("certificateFile") or one.value("certificateKeystoreFile"):
                files.append(file)
            else:
                return None  # a key store that nothing names
        files += [
            v for n in ("keystoreFile", "certificateKeystoreFile") if (v := element.value(n)) and not stated
        ]
        if not files:
            return frozenset(stated) or None
        folder = element.path.rpartition("/")[0].rpartition("/")[0]  # conf/.. is CATALINA_BASE
        found = certificates.keys_of(
            self.tree, [self.tree.place(f, folder) for f in files], passwords=self._passwords()
        )
        return None if found is None else found | stated

    def _passwords(self) -> list[str]:
        """Return what the document has that may open a key store."""
        every = (self.host.element, *self.host.element.children)
        return [v for one in every for n in _PASSWORDS if (v := one.value(n))]

    def _cards(self) -> certificates.Presented:
        """Return the certificates of files and key stores that are named."""
        element = self.host.element
        folder = element.path.rpartition("/")[0].rpartition("/")[0]  # conf/.. is CATALINA_BASE
        inner = [e for e in element.children if e.name == "Certificate"] if self.host.style == "host" else []
        files = [v for one in (element, *inner) for n in _FILES if (v := one.value(n))]
        chain = [v for one in (element, *inner) for n in _CHAINS if (v := one.value(n))]
        place = partial(self.tree.place, base=folder)
        return certificates.presented(
            self.tree, map(place, files), chain=map(place, chain), passwords=self._passwords()
        )

    # -- what is enabled

    def _listed(self, setting: Located) -> tuple[Located, ...]:
        """`+` and `-` add and remove from left to right; `all` is every version from TLS 1.0 on."""
        chosen: dict[str, None] = {}
        every = _ALL + (("TLSv1.3",) if self._all13() else ())
        for part in re.split(r"(?=[-+,])", setting.value):
            sign, word = (part[0], part[1:]) if part[:1] in {"+", "-", ","} else ("+", part)
            names = (
                every if word.strip().lower() == "all" else tuple(filter(None, [protocol_ranges.named(word)]))
            )
            for name in names:
                chosen.pop(name, None) if sign == "-" else chosen.setdefault(name)
        return protocol_ranges.listed(chosen, setting.at)

    def _all13(self) -> bool:
        return has("all TLSv1.3", self.release) and has("SSLHostConfig", self.release)

    def _protocols(self) -> tuple[Located, ...] | None:
        if has("SSLHostConfig", self.release):
            setting = self.host.setting("protocols", "sslEnabledProtocols", "SSLProtocol")
            return self._listed(setting or Located("all", self.host.at))
        setting = (
            self.host.setting("sslEnabledProtocols") if has("sslEnabledProtocols", self.release) else None
        )
        setting = setting or (self.host.setting("protocols") if has("protocols", self.release) else None)
        if setting is not None:
            return protocol_ranges.listed(re.split(r"[,\s]+", setting.value), setting.at)
        if not has("default without SSL", self.release):
            return None
        mine = [p for p in jsse.jdk(self.build).server_protocols if not p.startswith("SSL")]
        return tuple(Located(p, self.host.at) for p in mine)

    def _suites(self) -> Located | None:
        """Java's names with `:` between them; None where the JDK's own are left."""
        jdk = jsse.jdk(self.build)
        setting = self.host.setting("ciphers")
        if has("SSLHostConfig", self.release) or (setting and has("openssl ciphers", self.release)):
            setting = setting or self.host.setting("SSLCipherSuite")
            setting = setting or Located(self.facts.default_of("ciphers", self.release), self.host.at)
            return Located(":".join(self._translated(setting.value)), setting.at)
        if setting is not None and setting.value.strip() and setting.value.strip() != "ALL":
            return Located(":".join(filter(None, re.split(r"[,\s]+", setting.value))), setting.at)
        if setting is not None and setting.value.strip() == "ALL":
            return Located(":".join(jdk.suites), setting.at)
        if not has("default without weak", self.release):
            return None
        dhe = jdk.numbers < (8,)
        mine = [
            n for n in jdk.suites if n in jdk.enabled and not (jdk.numbers >= (7,) and _FILTERED.search(n))
        ]
        return Located(":".join(n for n in mine if not (dhe and "_DHE_" in n)), self.host.at)

    def _translated(self, string: str) -> list[str]:
        jdk = jsse.jdk(self.build)
        by_iana = {registry.suite(n).iana: n for n in jdk.suites}
        named: list[str] = []
        if has("cipherSuites", self.release):
            own = self.host.attribute("cipherSuites")
            named = re.split(r"[:,\s]+", own.value if own else tomcat_ciphers.DEFAULT13)
        names = (*named, *tomcat_ciphers.newer(string), *tomcat_ciphers.older(string))
        known = [by_iana[n] for n in dict.fromkeys(names) if n in by_iana]
        return known or list(names)  # names nobody knows are kept, so that they are said

    def _order(self) -> bool | None:
        setting = self.host.attribute("honorCipherOrder", "useServerCipherSuitesOrder", "SSLHonorCipherOrder")
        if setting is not None and not (
            self.host.style == "jsse" and not has("useServerCipherSuitesOrder", self.release)
        ):
            return setting.value.lower() in {"true", "on", "yes"}
        return False if has("own order", self.release) else None

    def _groups(self) -> Located | None:
        """The groups, which Java's own TLS can be told since Java 20."""
        if not groups_settable(self.release, self.build):
            return None
        setting = self.host.setting("groups") if self.host.style == "host" else None
        return Located(re.sub(r"\s*,\s*", ":", setting.value.strip()), setting.at) if setting else None

    def _client(self) -> ClientCertificate:
        setting = self.host.setting("certificateVerification", "clientAuth", "SSLVerifyClient")
        accepted = self.host.setting("truststoreFile", "caCertificateFile", "SSLCACertificateFile")
        return client_certificates.client_authentication(
            setting, self.host.at, _CLIENT, authorities=accepted.value if accepted else ""
        )

    # -- what that offers

    def _jsse(self) -> Offer:
        size = host_files.dh_size(self.tree, self.host.element.path, jsse.jdk(self.build))
        if size is not None:
            self.notes.append(size.note)
        return jsse_served.offer(
            jsse_served.JsseSettings(
                subject=self._subject(),
                at=self.host.at,
                protocols=self._protocols(),
                suites=self._suites(),
                groups=self._groups(),
                server_preference=self._order(),
                keys=self._keys(),
                cards=self._cards(),
                client=self._client(),
                dh_bits=size.bits if size else None,
                assumptions=(*self.notes, jsse_served.ANY_SECURITY),
            ),
            self.build,
        )

    def _openssl(self) -> Offer:
        newer = has("SSLHostConfig", self.release)
        setting = self.host.setting("protocols", "sslEnabledProtocols", "SSLProtocol")
        at = setting.at if setting else self.host.at
        if newer:
            protocols = self._listed(setting or Located("all", at))
        else:
            protocols = _apr_protocols(setting.value if setting else "all", at, self.release)
        own = "ciphers" if newer else "apr ciphers"
        ciphers = self.host.setting("ciphers", "SSLCipherSuite")
        ciphers = ciphers or Located(self.facts.default_of(own, self.release), self.host.at)
        if not re.search("[:!+]", ciphers.value):
            ciphers = Located(_openssl_names(ciphers.value), ciphers.at)
        suites = self.host.setting("cipherSuites") if has("cipherSuites", self.release) else None
        if suites is None and has("cipherSuites", self.release):
            suites = Located(tomcat_ciphers.DEFAULT13, self.host.at)
        off = self.host.attribute("disableCompression", "SSLDisableCompression")
        settings = served.ServedSettings(
            subject=self._subject(),
            at=self.host.at,
            protocols=protocols,
            ciphers=ciphers,
            ciphersuites=suites,
            groups=self._groups(),
            server_preference=bool(self._order()),
            keys=self._keys(),
            cards=self._cards(),
            client=self._client(),
            dh_bits=2048,
            compression=False if newer or off else None,
            assumptions=tuple(self.notes),
        )
        return served.offer(ssl_conf_cmd.with_commands(settings, self._commands()), self.build)

    def _commands(self) -> Iterator[tuple[str, Located]]:
        """Yield the commands of `<OpenSSLConf>`, which OpenSSL gets after everything else."""
        for inner in self.host.element.children:
            for one in inner.children if inner.name == "OpenSSLConf" else ():
                name, value = one.value("name"), one.value("value")
                if one.name == "OpenSSLConfCmd" and name:
                    yield name, Located(value, InFile((one.path,), one.line))


_CLIENT = {
    **client_certificates.SWITCH, "required": "required", "require": "required", "want": "optional", "optional": "optional",
    "optionalnoca": client_certificates.UNCHECKED, "optional_no_ca": client_certificates.UNCHECKED,
}  # fmt: skip


_KNOWN = frozenset(
    {"sslEnabledProtocols", "useServerCipherSuitesOrder", "SSLHonorCipherOrder", "SSLProtocol", "SSLCipherSuite", "ciphers"}
)  # fmt: skip


def _openssl_names(string: str) -> str:
    found = [(w, registry.find_suite(w)) for w in re.split(r"[,\s]+", string) if w]
    return ":".join(s.openssl[0] if s is not None and s.openssl else w for w, s in found)


def _apr_protocols(value: str, at: Location, release: Release) -> tuple[Located, ...]:
    """SSLProtocol of Tomcat Native: `all`, or versions with `+` and `-`."""
    newer = has("apr TLSv1.1", release)
    every = (
        ["TLSv1.0", "TLSv1.1", "TLSv1.2"] if newer else ["SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2"]
    )
    every += ["TLSv1.3"] if has("apr TLSv1.3", release) else []
    chosen: set[str] = set()
    for part in re.split(r"(?=[-+])", value):
        word = part.lstrip("+-").strip()
        names = every if word.lower() == "all" else list(filter(None, [protocol_ranges.named(word)]))
        chosen = chosen - set(names) if part.startswith("-") else chosen | set(names)
    return protocol_ranges.listed(chosen, at)
