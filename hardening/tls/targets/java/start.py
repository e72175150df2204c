"""How a server in Java is started: the options `-Djdk.tls.server.protocols`, `.cipherSuites`, `jdk.tls.namedGroups` and others.

They say what a program enables that sets nothing itself; what `jdk.tls.disabledAlgorithms` names is taken from that. The
first three are system properties of JDK 11 and later (of older ones from memory, so they are left out there).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from hardening.findings import InFile
from hardening.tls.libraries import jsse
from hardening.tls.offer import Located, Offer
from hardening.tls.targets.base import Reading
from hardening.tls.targets.java import jsse_served
from hardening.tls.targets.java import options as java_options
from hardening.tls.targets.reading import certificates, properties_syntax, protocol_ranges
from hardening.tls.targets.reading.tree import Tree

_OPTION = re.compile(
    r"-D(?P<name>jdk\.tls\.[\w.]+|java\.security\.properties|javax\.net\.ssl\.keyStore(?:Password)?|https\.protocols)"
    r"(?P<sign>==?)(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'\\]+)"
)
MARK = r"-Djdk\.tls\.(?:server\.\w+|namedGroups)="
"""What a file that starts a server has and others have not."""
SINCE = (11,)
"""The first JDK whose options for servers are known."""
_FOR_SERVERS = ("jdk.tls.server.protocols", "jdk.tls.server.cipherSuites", "jdk.tls.namedGroups")
_KEY_STORE = "javax.net.ssl.keyStore"


def properties_of(tree: Tree, path: str) -> dict[str, Located]:
    """Return the options of a start script or options file by name, the last of each; comments are passed over."""
    source = tree.source(path)
    found: dict[str, Located] = {}
    for number, line in enumerate(source.text.splitlines() if source else (), start=1):
        if line.lstrip().startswith(("#", "//")):
            continue
        for one in _OPTION.finditer(line):
            text = one["value"].strip("\"'")
            whole = "=" if one["sign"] == "==" else ""  # `==`: that file alone, not Java's own
            found[one["name"]] = Located(whole + text, InFile((path,), number))
    return found


def offers(tree: Tree, path: str, properties: dict[str, Located], reading: Reading) -> Iterator[Offer]:
    """Yield the one offer of a server that is started so."""
    jdk = jsse.jdk(reading.build)
    at = next(iter(properties.values())).at
    assert isinstance(at, InFile)  # noqa: S101 - `given` makes no other place
    notes = (*reading.assumptions, "a server that sets nothing itself")
    if jdk.numbers < SINCE:
        for name in _FOR_SERVERS:
            if (old := properties.pop(name, None)) is not None and isinstance(old.at, InFile):
                tree.say(
                    "unknown-directive", path, old.at.line, f"whether {jdk.title} knows {name} is not known"
                )
    if (other := properties.get("https.protocols")) is not None:
        notes += (f"https.protocols={other.value} is for clients, not for a server",)
    protocols, suites, groups = (properties.get(name) for name in _FOR_SERVERS)
    security = _security(tree, properties.get("java.security.properties"))
    if security is None:
        notes += (jsse_served.ANY_SECURITY,)
    store = properties.get(_KEY_STORE)
    lock = properties.get(f"{_KEY_STORE}Password")
    passwords = [lock.value] if lock else []
    files = [tree.place(store.value, posixpath.dirname(path))] if store else []
    size = java_options.dh_size(tree, jdk, [path])
    yield jsse_served.offer(
        jsse_served.JsseSettings(
            subject=f"{path}#java",
            at=at,
            protocols=protocol_ranges.listed(re.split(r"[,\s]+", protocols.value), protocols.at)
            if protocols
            else None,
            suites=_colons(suites),
            groups=_colons(groups),
            disabled=security,
            keys=certificates.keys_of(tree, files, passwords=passwords) if files else None,
            cards=certificates.presented(tree, files, passwords=passwords) if files else certificates.NOTHING,
            dh_bits=size.bits if size else None,
            assumptions=(*notes, *((size.note,) if size else ())),
        ),
        reading.build,
    )


def _colons(setting: Located | None) -> Located | None:
    return Located(re.sub(r"\s*,\s*", ":", setting.value.strip()), setting.at) if setting else None


def _security(tree: Tree, setting: Located | None) -> Located | None:
    """Return what the file of java.security.properties disables; None: Java's own list."""
    if setting is None or not isinstance(setting.at, InFile):
        return None
    path = tree.place(setting.value.removeprefix("="), posixpath.dirname(setting.at.path))
    if not tree.exists(path):
        tree.say("missing-include", setting.at.path, setting.at.line, f"{path} is not there")
        return None
    found = properties_syntax.read(tree, path).get(jsse.PROPERTY)
    if found is not None:
        return Located(found.value, InFile((found.path,), found.line))
    return Located("", setting.at) if setting.value.startswith("=") else None
