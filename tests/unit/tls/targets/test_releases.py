"""A release is told only what it knows, and known releases have complete facts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hardening.cli import run
from hardening.errors import UsageError
from hardening.tls import policy as policies
from hardening.tls.libraries import builds
from hardening.tls.rendering.render import render
from hardening.tls.targets import Target, find, targets

NAMES = {
    "httpd": re.compile(r"^(SSL\w+)", re.MULTILINE),
    "nginx": re.compile(r"^(ssl_\w+)", re.MULTILINE),
    "lighttpd": re.compile(r"^(ssl\.[\w.\-]+)", re.MULTILINE),
}
EVERY = [
    pytest.param(name, release.version, policy, id=f"{name}@{release.version}-{policy}")
    for name in NAMES
    for release in find(name).facts.releases
    for policy in ("aspect", "mozilla-old-5.7")
]


@pytest.mark.parametrize(("name", "version", "policy"), EVERY)
def test_nothing_is_rendered_that_the_release_lacks(name: str, version: str, policy: str) -> None:
    target = find(name)
    try:
        made = render(target, policies.load(policy), version=version)
    except UsageError:
        return
    found = NAMES[name].findall(made.text)
    assert found
    release = made.job.release
    assert [why for one in found if (why := target.facts.lacks(one, release))] == []


@pytest.mark.parametrize("version", ["1.4.35", "1.4.49"])
def test_lighttpd_that_other_generators_break_is_balanced_and_complete(version: str) -> None:
    text = render(find("lighttpd"), policies.load("aspect"), version=version).text
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    assert body.count("(") == body.count(")")
    assert body.count('"') % 2 == 0
    assert "cipher-list" in body or "CipherString" in body


def test_tls_1_3_words_are_not_said_to_an_old_httpd() -> None:
    made = render(find("httpd"), policies.load("aspect"), version="2.2.15-el6", build="1.0.1e-el6")
    assert "TLSv1.3" not in made.text
    assert "OpenSSLConfCmd" not in made.text


@pytest.mark.parametrize("target", [pytest.param(t, id=t.name) for t in targets()])
def test_every_release_names_a_build_and_a_mark(target: Target) -> None:
    facts = target.facts
    assert facts.default in {r.version for r in facts.releases}
    assert [r.upstream for r in facts.releases] == sorted(r.upstream for r in facts.releases)
    for release in facts.releases:
        assert builds.build(release.openssl).name == release.openssl
        assert release.verified in {"yes", "partly", "memory"}
        assert all(word in facts.features for word in release.backports | release.lacks)


def test_a_release_newer_than_all_that_are_known_is_told_as_such() -> None:
    facts = find("httpd").facts
    assert "newer than 2.4.71-debian13" in facts.release("24.6")[1]
    assert "newer" not in facts.release("2.4.7")[1]


@pytest.mark.parametrize(
    ("name", "feature", "has", "lacks"),
    [
        ("httpd", "SSLOpenSSLConfCmd", "2.4.8", "2.4.7"),
        ("httpd", "SSLCompression", "2.2.24", "2.2.23"),
        ("httpd", "token TLSv1.3", "2.4.36", "2.4.35"),
        ("nginx", "ssl_conf_command", "1.19.4", "1.19.3"),
        ("nginx", "token TLSv1.1", "1.1.13", "1.1.12"),
        ("lighttpd", "ssl.use-sslv3", "1.4.67", "1.4.68"),
        ("lighttpd", "ssl.openssl.ssl-conf-cmd", "1.4.48", "1.4.47"),
    ],
)
def test_features_begin_and_end_where_the_sources_say(name: str, feature: str, has: str, lacks: str) -> None:
    facts = find(name).facts
    assert facts.has(feature, facts.release(has)[0])
    assert not facts.has(feature, facts.release(lacks)[0])


@pytest.mark.parametrize("target", [pytest.param(t, id=t.name) for t in targets()])
def test_el8_is_the_distributions_own_library(target: Target) -> None:
    """Its default level is 2, and PROFILE=SYSTEM means something; a vendor's 1.1.1k of another wheel is neither."""
    for release in target.facts.releases:
        if release.version.endswith("-el8") and release.openssl.startswith("1.1.1"):
            build = builds.build(release.openssl)
            assert build.security_level == 2
            assert build.system_policy


def test_an_openssl_that_was_guessed_is_not_said_to_ship(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["tls", "render", "nginx@1.25.7", "-q"]) == 0
    text = capsys.readouterr().out
    assert "ships with" not in text
    assert "--openssl names another" in text
    (tmp_path / "nginx.conf").write_text(text)
    run(["tls", "audit", str(tmp_path / "nginx.conf"), "--target", "nginx@1.25.7"])
    said = capsys.readouterr().out
    assert "--openssl names another" in said
    assert "ships with" not in said
    assert run(["tls", "render", "nginx@1.20.1-el7", "-q"]) == 0
    assert "which ships with nginx 1.20.1-el7" in capsys.readouterr().out
