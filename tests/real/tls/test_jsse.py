"""Java's own TLS as we model it, against the JVMs that are installed: every suite, in their order."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from hardening.errors import UsageError
from hardening.tls import registry
from hardening.tls.libraries import builds, jsse
from tests.support.tls import java_servers

HOMES = [pytest.param(home, id=java_servers.version(home)) for home in java_servers.homes()]
VALUES = (
    "",
    "SSLv3, RC4, DES, MD5withRSA, DH keySize < 1024, EC keySize < 224, 3DES_EDE_CBC, anon, NULL",
    "TLS_RSA_*, tls_ecdhe_rsa_with_aes_128_gcm_sha256, SHA1, CBC",
    '"ECDHE_ECDSA, DSS, TLS_RSA_WITH_AES_128_CBC_SHA256"',
)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the compiled asking class; any JDK compiles for the oldest that is asked."""
    if not HOMES:
        if os.environ.get("CI") == "true":
            pytest.fail("no JDK is installed; `make servers` installs one")
        pytest.skip("no JDK is installed; `make servers` installs one")
    folder = tmp_path_factory.mktemp("classes")
    compiler = java_servers.homes()[-1] / "bin/javac"
    source = java_servers.JAVA / "JsseFacts.java"
    subprocess.run([compiler, "--release", "17", "-d", folder, source], check=True, timeout=120)
    return folder


@dataclass(frozen=True)
class Facts:
    """What a JVM says of itself."""

    values: dict[str, str]

    def names(self, key: str) -> list[str]:
        return [n for n in self.values[key].split(",") if n and "SCSV" not in n and n != "SSLv2Hello"]


def asked(home: Path, classes: Path, folder: Path, value: str | None, *names: str) -> Facts:
    """Ask a JVM under a value of the property; None leaves its own java.security alone."""
    command = [str(home / "bin/java"), "-cp", str(classes)]
    if value is not None:
        security = folder / "asked.security"
        security.write_text(f"{jsse.PROPERTY}={value}\n{jsse.CURVES}=\njdk.tls.legacyAlgorithms=\n")
        command.insert(1, f"-Djava.security.properties={security}")
    done = subprocess.run(
        [*command, "JsseFacts", *names], capture_output=True, text=True, check=True, timeout=120
    )
    lines = [line.partition(" ") for line in done.stdout.splitlines()]
    return Facts({key: rest for key, _, rest in lines})


def same(facts: Facts, home: Path, value: str) -> None:
    """Compare everything a JVM says with what we say of it."""
    jdk = jsse.jdk(java_servers.known(home))
    forbids = jsse.constraints(value, jdk.name, "")
    allowed = [n for n in jdk.suites if forbids.permits_suite(n)]
    assert allowed == facts.names("supported-suites")
    assert [n for n in allowed if n in jdk.enabled] == facts.names("suites")
    speaks = [p for p in jdk.server_protocols if forbids.permits_protocol(p)]
    assert [jsse.java_protocol(p) for p in speaks] == facts.names("protocols")[::-1]
    assert facts.values["server-order"] == str(jdk.server_order).lower()


@pytest.mark.parametrize("home", HOMES)
def test_a_jvm_left_alone_is_as_our_data_say(home: Path, classes: Path, tmp_path: Path) -> None:
    facts = asked(home, classes, tmp_path, None)
    value = facts.values[jsse.PROPERTY]
    same(facts, home, value)
    jdk = jsse.jdk(java_servers.known(home))
    mine = jsse.constraints(jdk.disabled, jdk.name)
    theirs = jsse.constraints(value, jdk.name)
    assert [n for n in jdk.suites if mine.permits_suite(n)] == [
        n for n in jdk.suites if theirs.permits_suite(n)
    ]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("home", HOMES)
def test_a_jvm_told_to_disable_keeps_what_we_predict(
    home: Path, value: str, classes: Path, tmp_path: Path
) -> None:
    same(asked(home, classes, tmp_path, value), home, value)


@pytest.mark.parametrize("home", HOMES)
def test_a_jvm_told_to_disable_a_version_drops_it(home: Path, classes: Path, tmp_path: Path) -> None:
    facts = asked(home, classes, tmp_path, "TLSv1, TLSv1.1, tlsv1.3")
    assert facts.names("protocols") == ["TLSv1.2"]
    forbids = jsse.constraints("TLSv1, TLSv1.1, tlsv1.3", java_servers.known(home))
    assert [p for p in ("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3") if forbids.permits_protocol(p)] == [
        "TLSv1.2"
    ]


@pytest.mark.parametrize("home", HOMES)
def test_both_prefixes_name_a_suite_where_the_jvm_takes_both(
    home: Path, classes: Path, tmp_path: Path
) -> None:
    names = ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", "SSL_RSA_WITH_3DES_EDE_CBC_SHA")
    jdk = jsse.jdk(java_servers.known(home))
    for name in names:
        facts = asked(home, classes, tmp_path, "", name)
        assert ("accepts" in facts.values) is (jdk.find(name) is not None)


@pytest.mark.parametrize("name", jsse.names())
def test_every_jdk_names_suites_and_groups_we_know(name: str) -> None:
    one = jsse.jdk(name)
    assert one.enabled < set(one.suites)
    assert len(set(one.suites)) == len(one.suites)
    assert all(registry.find_suite(n) for n in one.suites)
    assert all(registry.find_group(n) for n in one.groups)
    assert set(one.server_protocols) <= set(one.protocols) <= set(registry.PROTOCOLS)
    assert one.dh_bits in {768, 1024, 2048}
    build = builds.build(name)
    assert {c.name for c in (*build.ciphers, *build.tls13)} == set(one.suites)
    assert bool(build.tls13) is ("TLSv1.3" in one.protocols)


@pytest.mark.parametrize("spelled", ["8u292", "1.8.0_292", "8.0.292", "1.8.0_292-b10"])
def test_a_version_is_the_same_however_it_is_spelled(spelled: str) -> None:
    assert jsse.numbers(spelled) == (8, 0, 292)
    found = jsse.like(spelled)
    assert found is not None
    assert found.name == "jdk-8u292"


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("8u299", "jdk-8u292"),
        ("17.0.1", "jdk-17.0.2"),
        ("11.0.12+7", "jdk-11.0.11"),
        ("21.0.13.1", "jdk-21.0.10"),
    ],
)
def test_a_release_between_two_that_we_know_is_like_the_older(version: str, name: str) -> None:
    found = jsse.like(version)
    assert found is not None
    assert found.name == name


def test_a_line_nobody_asked_for_is_unknown() -> None:
    assert jsse.like("99.0.1") is None
    with pytest.raises(UsageError) as caught:
        jsse.jdk("jdk-8u29")
    assert "jdk-8u" in caught.value.hint


def test_the_releases_at_which_suites_went_are_those_of_the_sources() -> None:
    def offered(name: str, suite: str) -> bool:
        one = jsse.jdk(name)
        return suite in one.enabled and jsse.constraints(one.disabled, name).permits_suite(suite)

    rc4, triple, rsa = (
        "SSL_RSA_WITH_RC4_128_SHA",
        "SSL_RSA_WITH_3DES_EDE_CBC_SHA",
        "TLS_RSA_WITH_AES_128_CBC_SHA",
    )
    assert offered("jdk-8u31", rc4)
    assert not offered("jdk-8u60", rc4)
    assert offered("jdk-8u161", triple)
    assert not offered("jdk-8u171", triple)
    assert offered("jdk-11.0.25", rsa)
    assert not offered("jdk-11.0.30", rsa)


def test_sizes_curves_and_words_a_jdk_does_not_know() -> None:
    value = "EC keySize < 256, secp256k1, include jdk.disabled.namedCurves, TLS_RSA_*"
    old = jsse.constraints(value, "jdk-11.0.11")
    assert not old.permits_group("secp224r1")
    assert not old.permits_group("sect571r1")
    assert old.permits_group("secp256r1")
    assert old.permits_suite("TLS_RSA_WITH_AES_128_CBC_SHA"), "11.0.11 does not understand the pattern"
    new = jsse.constraints(value, "jdk-11.0.30")
    assert not new.permits_suite("TLS_RSA_WITH_AES_128_CBC_SHA")
    assert jsse.constraints("RC4", "jdk-6u24").permits_suite("SSL_RSA_WITH_RC4_128_SHA"), (
        "6u24 has no such property"
    )


def test_a_least_size_means_curves_of_weierstrass_and_groups_of_dh() -> None:
    found = jsse.constraints("EC keySize < 384, DH keySize < 3072", "jdk-17.0.18")
    assert [g for g in ("x25519", "x448", "secp256r1", "secp384r1") if found.permits_group(g)] == [
        "x25519",
        "x448",
        "secp384r1",
    ]
    assert [g for g in ("ffdhe2048", "ffdhe3072") if found.permits_group(g)] == ["ffdhe3072"]
    assert not jsse.constraints("DiffieHellman keySize <= 2048", "jdk-17.0.18").permits_group("ffdhe2048")
