"""What a policy would have written and the library has not is a finding, and no word of it is in the file."""

from __future__ import annotations

import pytest

from hardening.tls import policy
from hardening.tls.rendering.render import render
from hardening.tls.targets import find


@pytest.mark.parametrize(
    ("target", "version", "name", "absent"),
    [
        ("httpd", "2.2.15-el6", "aspect", ("TLSv1.3", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256")),
        ("lighttpd", "1.4.49", "mozilla-intermediate", ("TLSv1.3", "X25519MLKEM768", "x25519")),
        ("nginx", "1.26.3-debian13", "mozilla-old", ("TLSv1.0", "TLS_RSA_WITH_3DES_EDE_CBC_SHA")),
        ("tomcat", "10.1.60-debian13", "mozilla-intermediate", ("X25519MLKEM768",)),
    ],
)
def test_what_the_library_has_not_is_said(
    target: str, version: str, name: str, absent: tuple[str, ...]
) -> None:
    made = render(find(target), policy.load(name), version=version)
    (said,) = [
        f.message for f in made.findings if f.rule.id == "tls/inexpressible" and " has no " in f.message
    ]
    assert [word for word in absent if word not in said] == []
    assert [word for word in absent if word in made.text] == []


def test_where_the_library_has_all_of_it_nothing_is_said() -> None:
    made = render(find("nginx"), policy.load("aspect"))
    assert [f.message for f in made.findings if " has no " in f.message] == []
