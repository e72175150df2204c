"""No DHE suite is rendered with parameters smaller than the policy's: left out with the way out, or with a file of one's own."""

from __future__ import annotations

import pytest

from hardening.errors import UsageError
from hardening.tls import policy as policies
from hardening.tls.rendering.render import render
from hardening.tls.rendering.rendered import Rendered
from hardening.tls.targets import Target, targets

LARGE = [p for p in policies.available() if policies.load(p).dh_min_bits > 2048]
FINITE = [p for p in LARGE if any(s.kx == "DHE" for s in policies.load(p).suites)]


def _finite(made: Rendered) -> list[str]:
    return [s.value for p in made.offer.protocols for s in p.suites if "TLS_DHE" in s.value]


@pytest.mark.parametrize("target", [pytest.param(t, id=t.name) for t in targets() if not t.ssh])
def test_small_parameters_are_never_rendered_in_silence(target: Target) -> None:
    assert FINITE, "no policy asks for large parameters and has suites that use them"
    for name in LARGE:
        policy = policies.load(name)
        for release in target.facts.releases:
            try:
                made = render(target, policy, version=release.version)
            except UsageError:
                continue
            bits = made.offer.dh_bits
            if _finite(made) and bits is not None and bits < policy.dh_min_bits:
                said = [f for f in made.findings if f.rule.id == "tls/dh-bits"]
                assert said, f"{name} on {release.version}: {bits} bits"


@pytest.mark.parametrize(
    "name", ["httpd", "haproxy", "nginx", "postfix", "proftpd", "postgresql", "lighttpd"]
)
def test_a_file_of_ones_own_brings_the_suites_back(name: str) -> None:
    target = next(t for t in targets() if t.name == name)
    policy = policies.load("crypto-policies-future")
    version = "2.4.37-el8" if name == "httpd" else None  # OpenSSL 3 sizes them itself there
    plain = render(target, policy, version=version)
    left_out = [f for f in plain.findings if f.message == "DHE suites cannot be used and are left out"]
    assert not _finite(plain)
    assert left_out
    assert "dhparam=" in left_out[0].remedy
    made = render(target, policy, version=version, params={"dhparam": "/etc/pki/dh4096.pem"})
    assert _finite(made)
    assert "/etc/pki/dh4096.pem" in made.text
    assert not [f for f in made.findings if f.message == left_out[0].message]
