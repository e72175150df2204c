"""The SslContextFactory of a Jetty: what several XML files and ini properties together say of it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import field, replace
from typing import NamedTuple

from hardening.findings import InFile
from hardening.records import dataclass
from hardening.tls.libraries import jsse
from hardening.tls.offer import ClientCertificate, Located, Offer
from hardening.tls.release import Release, directives
from hardening.tls.targets.base import Reading
from hardening.tls.targets.java import jsse_served
from hardening.tls.targets.java import options as java_options
from hardening.tls.targets.reading import (
    certificates,
    client_certificates,
    properties_syntax,
    protocol_ranges,
    xml_syntax,
)
from hardening.tls.targets.reading.tree import Tree
from hardening.tls.targets.reading.xml_syntax import Element

_CONTEXT = re.compile(r"SslContextFactory(?:\$Server)?$")
_OLD_CONNECTOR = re.compile(r"org\.mortbay\.jetty\.security\.Ssl\w*Connector$")
_PORTS = ("jetty.ssl.port", "jetty.https.port", "https.port")
SETTINGS = (
    "includeprotocols",
    "excludeprotocols",
    "includeciphersuites",
    "excludeciphersuites",
    "useciphersuitesorder",
)
"""What decides about TLS, lower case: `<Set name=...>`, or `<Call name="set...">` and `add...`."""


def has(feature: str, release: Release) -> bool:
    """Tell whether a release of Jetty has a feature."""
    return directives("jetty").has(feature, release)


class Values(NamedTuple):
    """A list a factory is told, and where."""

    words: tuple[str, ...]
    at: InFile


@dataclass(slots=True)
class ContextFactory:
    """One factory: the element that makes or first configures it, and every element that says more."""

    name: str
    layers: list[Element] = field(default_factory=list)

    @property
    def at(self) -> InFile:
        """Where it begins."""
        return InFile((self.layers[0].path,), self.layers[0].line)

    def set_elements(self) -> Iterator[tuple[str, Element]]:
        """Yield every setting with its element, in order."""
        for layer in self.layers:
            for one in layer.children:
                name = one.value("name").lower()
                if one.name == "Call":
                    name = re.sub("^set", "", name)
                if one.name in {"Set", "Call"} and name.removeprefix("add") in SETTINGS:
                    yield name, one

    def text(self, name: str, properties: dict[str, str]) -> str:
        """Return a setting of one word, such as `keystorepath`; nothing where none is said."""
        value = ""
        for one in (child for layer in self.layers for child in layer.children):
            word = one.value("name").lower()
            if (one.name == "Set" and word == name) or (one.name == "Call" and word == f"set{name}"):
                value = _text(one, properties) or value
        return value

    def values(self, name: str, own: tuple[str, ...] = ()) -> Values | None:
        """Return a list that is set, or added to the factory's own; None where nothing says it."""
        found: Values | None = None
        for word, one in self.set_elements():
            if word.removeprefix("add") != name:
                continue
            more = tuple(_items(one))
            before = (found.words if found else own) if word.startswith("add") else ()
            found = Values((*before, *more), InFile((one.path,), one.line))
        return found

    def flag(self, name: str, properties: dict[str, str]) -> bool | None:
        """Return a flag, or None where nothing says it."""
        found: str | None = None
        for word, one in self.set_elements():
            if word == name:
                found = _text(one, properties) or found
        return None if found is None else found.lower() == "true"


def _items(one: Element) -> Iterator[str]:
    inner = [e for n in ("Item", "Arg") for e in one.every(n)]
    for element in inner or [one]:
        if text := element.text.strip():
            yield from re.split(r"[\s,]+", text)


def _text(one: Element, properties: dict[str, str]) -> str:
    names = [one.value("property")] if one.value("property") else []
    default = ""
    for element in (*one.every("Property"), *one.every("SystemProperty")):
        names.append(element.value("name"))
        default = element.value("default") or default
    return next((properties[n] for n in names if n in properties), one.text.strip() or default)


def contexts(roots: list[Element]) -> list[ContextFactory]:
    """Return the factories that documents make, in order; a document that only refers to one adds to it."""
    found: dict[str, ContextFactory] = {}
    for root in roots:
        for one in _makers(root):
            name = one.value("id") or f"{one.path}:{one.line}"
            found.setdefault(name, ContextFactory(name)).layers.append(one)
    for root in roots:
        for one in root.every("Ref"):
            name = one.value("refid") or one.value("id")
            if one.children and name in found:
                found[name].layers.append(one)
            elif one.children and name == "sslContextFactory":
                found.setdefault(name, ContextFactory(name)).layers.append(one)
    return list(found.values())


def _makers(root: Element) -> Iterator[Element]:
    if root.name == "Configure" and (
        _CONTEXT.search(root.value("class")) or root.value("id") == "sslContextFactory"
    ):
        yield root
    for one in root.every("New"):
        if _CONTEXT.search(one.value("class")) or _OLD_CONNECTOR.search(one.value("class")):
            yield one


def documents(tree: Tree, path: str) -> list[Element]:
    """Return the main document, and the others beside it that speak of a factory."""
    folder = posixpath.dirname(path)
    names = [path]
    if re.fullmatch(r"etc|jetty\d*", posixpath.basename(folder)):
        names += [n for n in tree.listing(folder) if n.endswith(".xml") and n != path]
    found = []
    for name in names:
        source = tree.source(name)
        if source is None or (name != path and "slContextFactory" not in source.text):
            continue
        root = xml_syntax.read(tree, name)
        if root is not None:
            found.append(root)
    return found


def _base(path: str) -> str:
    folder = posixpath.dirname(path)
    return posixpath.dirname(folder) if posixpath.basename(folder) == "etc" else folder


def properties(tree: Tree, path: str) -> dict[str, str]:
    """Return the properties of start.ini and start.d/*.ini of the Jetty base a file lies in."""
    base = _base(path)
    found: dict[str, str] = {}
    for name in (f"{base}/start.ini", *tree.glob(f"{base}/start.d/*.ini")):
        if tree.exists(name):
            found |= {key: one.value for key, one in properties_syntax.read(tree, name).items()}
    return found


def port(roots: list[Element], properties_of: dict[str, str]) -> str:
    """Return the port of the TLS connector, or nothing where nothing says it."""
    for name in _PORTS:
        if properties_of.get(name):
            return properties_of[name]
    for root in roots:
        for one in root.every("New"):
            if "Ssl" in one.value("class") and "Connector" in one.value("class"):
                for child in one.children:
                    if child.name == "Set" and child.value("name").lower() == "port":
                        return _text(child, properties_of)
    return ""


def _strays(tree: Tree, context: ContextFactory, release: Release) -> None:
    """Say which settings about TLS no factory takes; Jetty refuses to start with them."""
    for one in (child for layer in context.layers for child in layer.children):
        name = one.value("name") if one.name in {"Set", "Call"} else ""
        if one.name == "Call":
            name = re.sub("^(?:set|add)(?=[A-Z])", "", name)
        if why := name and directives("jetty").stray(name, release):
            tree.say("unknown-directive", one.path, one.line, why)


def offers(tree: Tree, path: str, reading: Reading) -> Iterator[Offer]:
    """Yield one offer per factory."""
    roots, properties_of = documents(tree, path), properties(tree, path)
    number = port(roots, properties_of)
    size = java_options.dh_size(tree, jsse.jdk(reading.build), _starts(tree, path))
    if size is not None:
        reading = replace(reading, assumptions=(*reading.assumptions, size.note))
    for context in contexts(roots):
        _strays(tree, context, reading.release)
        keys, cards = _keys(context, tree, path, properties_of)
        yield _offer(
            context, f"{path}#*:{number}" if number else path, properties_of, size, reading, keys, cards
        )


def _keys(
    context: ContextFactory, tree: Tree, path: str, properties_of: dict[str, str]
) -> tuple[frozenset[str] | None, certificates.Presented]:
    """Return the kinds of key and the certificates of the key store; a relative name is below the base of the Jetty."""
    stores = [s for n in ("keystorepath", "keystore") if (s := context.text(n, properties_of))][:1]
    files = [tree.place(one, _base(path)) for one in stores]
    passwords = [context.text("keystorepassword", properties_of)]
    keys = certificates.keys_of(tree, files, passwords=passwords) if files else None
    return keys, certificates.presented(tree, files, passwords=passwords)


def _starts(tree: Tree, path: str) -> list[str]:
    """Return where the start of a Jetty may say options of Java."""
    base = _base(path)
    name = posixpath.basename(base)
    return [
        f"{tree.prefix}/etc/default/{name}",
        f"{tree.prefix}/etc/sysconfig/{name}",
        f"{base}/start.ini",
        *tree.glob(f"{base}/start.d/*.ini"),
    ]


def _offer(
    context: ContextFactory,
    subject: str,
    properties_of: dict[str, str],
    size: java_options.Size | None,
    reading: Reading,
    keys: frozenset[str] | None,
    cards: certificates.Presented,
) -> Offer:
    release, jdk = reading.release, jsse.jdk(reading.build)
    order: bool | None = None
    if has("useCipherSuitesOrder", release):
        server_order = context.flag("useciphersuitesorder", properties_of)
        order = True if server_order is None else server_order
    return jsse_served.offer(
        jsse_served.JsseSettings(
            subject=subject,
            at=context.at,
            protocols=_protocols(context, release, jdk),
            suites=_suites(context, release, jdk),
            server_preference=order,
            keys=keys,
            cards=cards,
            client=_client(context, properties_of),
            dh_bits=size.bits if size else None,
            assumptions=(*reading.assumptions, jsse_served.ANY_SECURITY),
        ),
        reading.build,
    )


def _client(context: ContextFactory, properties_of: dict[str, str]) -> ClientCertificate:
    for name, wants in (("needclientauth", "required"), ("wantclientauth", "optional")):
        if context.text(name, properties_of).lower() == "true":
            return client_certificates.client_authentication(
                Located("on", context.at), context.at, {"on": wants}
            )
    return client_certificates.client_authentication(None, context.at, {})


def _protocols(context: ContextFactory, release: Release, jdk: jsse.Jdk) -> tuple[Located, ...]:
    included = context.values("includeprotocols") if has("IncludeProtocols", release) else None
    own = tuple(directives("jetty").default_of("exclude protocols", release).split())
    excluded = context.values("excludeprotocols", own) if has("IncludeProtocols", release) else None
    off = excluded.words if excluded else own
    at = included.at if included else excluded.at if excluded else context.at
    exact = not has("protocol patterns", release)
    names = [jsse.java_protocol(p) for p in jdk.server_protocols]
    if included and included.words:
        known = tuple(jsse.java_protocol(p) for p in jdk.protocols)
        names = [n for w in included.words for n in _matching(w, known, exact=exact)]
    gone = {n for w in off for n in _matching(w, tuple(names), exact=exact)}
    return protocol_ranges.listed([n for n in names if n not in gone], at)


def _suites(context: ContextFactory, release: Release, jdk: jsse.Jdk) -> Located:
    included = context.values("includeciphersuites") if has("IncludeCipherSuites", release) else None
    own = tuple(directives("jetty").default_of("exclude suites", release).split())
    excluded = context.values("excludeciphersuites", own)
    off = excluded.words if excluded else own
    exact = not has("patterns", release)
    if included and included.words:
        chosen = [n for w in included.words for n in _matching(w, jdk.suites, exact=exact)]
    else:
        chosen = [n for n in jdk.suites if n in jdk.enabled]
    gone = {n for w in off for n in _matching(w, tuple(chosen), exact=exact)}
    at = included.at if included else excluded.at if excluded else context.at
    names = [n for n in dict.fromkeys(chosen) if n not in gone]
    return Located(":".join(names or (included.words if included else ())), at)


def _matching(word: str, names: tuple[str, ...], *, exact: bool) -> list[str]:
    """The names a word means: itself, or what matches it whole as an expression."""
    if exact or re.fullmatch(r"\w+", word):
        return [n for n in names if n == word]
    try:
        pattern = re.compile(word)
    except re.error:
        return []
    return [n for n in names if pattern.fullmatch(n)]
