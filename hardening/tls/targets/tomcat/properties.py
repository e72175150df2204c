"""`${name}` in a server.xml: what catalina.properties says, and a word about what only the start of Java does."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from hardening.tls.targets.reading import properties_syntax
from hardening.tls.targets.reading.tree import Tree
from hardening.tls.targets.reading.xml_syntax import Element

_NAME = re.compile(r"\$\{([^}:]+)(?::-([^}]*))?\}")
_ABOUT_TLS = re.compile(
    r"ciphers?|protocols?|order|groups|SSLEnabled|SSLProtocol|SSLCipherSuite|port|sslImplementationName",
    re.IGNORECASE,
)
_BASE = ("catalina.home", "catalina.base", "java.home")


def filled_in(tree: Tree, root: Element) -> None:
    """Replace `${name}` in the attributes of connectors, in place; what nothing says is a problem with its line."""
    values: dict[str, str] | None = None
    for kind in ("Connector", "SSLHostConfig", "Certificate"):
        for one in root.every(kind):
            for name, attribute in one.attributes.items():
                if "${" not in attribute.value:
                    continue
                if values is None:
                    values = _properties(tree, root.path)
                value = _NAME.sub(lambda m: values.get(m[1], m[2] or m[0]), attribute.value)  # noqa: B023 - used at once
                one.attributes[name] = replace(attribute, value=value)
                left = _NAME.search(value)
                if left and left[1] not in _BASE and _ABOUT_TLS.search(name):
                    why = f"{name} is {left[0]}, which the start of Java says"
                    tree.say("conditional", one.path, attribute.line, why)


def _properties(tree: Tree, path: str) -> dict[str, str]:
    beside = f"{posixpath.dirname(path)}/catalina.properties"
    return (
        {k: p.value for k, p in properties_syntax.read(tree, beside).items()} if tree.exists(beside) else {}
    )
