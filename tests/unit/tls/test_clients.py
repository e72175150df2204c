"""What is predicted of a client is what the real client gets from the real server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hardening.errors import UsageError
from hardening.findings import in_file
from hardening.tls import registry
from hardening.tls.clients import Client, client, clients, locked_out, simulate, warning
from hardening.tls.offer import Certificate, Located, Offer, ProtocolOffer

HERE = in_file("nginx.conf", 1)


def _made(*protocols: tuple[str, tuple[str, ...]], **more: object) -> Offer:
    offered = tuple(
        ProtocolOffer(
            name=name,
            at=HERE,
            suites=tuple(Located(suite, HERE) for suite in suites),
            preference="server",
            groups=(Located("secp256r1", HERE),),
        )
        for name, suites in protocols
    )
    return replace(Offer(subject="www", at=HERE, protocols=offered), **more)  # type: ignore[arg-type]  # the test's own


STRICT = _made(
    ("TLSv1.2", ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",)), ("TLSv1.3", ("TLS_AES_128_GCM_SHA256",))
)


def test_who_is_locked_out_by_modern_settings() -> None:
    lost = {one.client.id for one in locked_out(STRICT)}
    assert {"java-6", "java-7", "openssl-0.9.8e", "ie-8-xp", "android-4.0", "windows-7"} <= lost
    assert not {"java-8", "openssl-1.0.1e", "curl-el6", "windows-10", "android-5", "chrome-70"} & lost


def test_the_version_is_settled_before_the_suite() -> None:
    offer = _made(("TLSv1.0", ("TLS_RSA_WITH_AES_128_CBC_SHA",)), ("TLSv1.2", ("TLS_PSK_WITH_AES_128_CCM",)))
    assert simulate(offer, client("java-7")).protocol == "TLSv1.0"
    found = simulate(offer, client("java-8"))
    assert found.reason == "no cipher suite in common under TLSv1.2"


def test_large_parameters_stop_java_6_and_small_ones_stop_new_clients() -> None:
    offer = _made(("TLSv1.0", ("TLS_DHE_RSA_WITH_AES_128_CBC_SHA",)), dh_bits=2048)
    assert "2048 bits" in simulate(offer, client("java-6")).reason
    assert simulate(replace(offer, dh_bits=1024), client("java-6")).ok
    small = _made(("TLSv1.2", ("TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",)), dh_bits=1024)
    assert "at least 2048" in simulate(small, client("openssl-3.5")).reason


def test_a_group_has_to_be_common() -> None:
    only = ProtocolOffer(
        name="TLSv1.3",
        at=HERE,
        suites=(Located("TLS_AES_128_GCM_SHA256", HERE),),
        groups=(Located("X25519MLKEM768", HERE),),
    )
    offer = Offer(subject="www", at=HERE, protocols=(only,))
    assert simulate(offer, client("openssl-3.5")).group == "X25519MLKEM768"
    assert simulate(offer, client("openssl-3.4")).reason == "no group in common under TLSv1.3"


def test_a_certificate_on_a_curve_the_client_lacks_does_not_serve() -> None:
    now = datetime.now(UTC)
    card = Certificate(
        subject="CN=www",
        issuer="CN=ca",
        not_before=now,
        not_after=now,
        key="ec:secp521r1",
        signature="",
        sha256="",
    )
    offer = _made(("TLSv1.2", ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",)))
    assert simulate(offer, client("windows-10")).ok
    assert not simulate(replace(offer, certificates=(card,)), client("windows-10")).ok


def test_the_warning_names_them_with_a_way_out_and_says_what_is_from_memory() -> None:
    found = warning(STRICT)
    assert found is not None
    assert "clients cannot connect: Java 6u45, Java 7u25, OpenSSL 0.9.8e (CentOS 5), " in (found.message)
    assert found.message.count(": no protocol version in common: the server has TLSv1.2, TLSv1.3, ") == 2
    assert "java: run Java 8" in found.remedy
    old = _made(
        ("TLSv1.0", ("TLS_RSA_WITH_AES_128_CBC_SHA",)), ("TLSv1.2", ("TLS_RSA_WITH_AES_128_CBC_SHA",))
    )
    changed = warning(STRICT, before=old)
    assert changed is not None
    assert "would lose access" in changed.message
    assert warning(STRICT, before=STRICT) is None


def test_every_client_is_told_from_another_and_can_talk_to_somebody() -> None:
    assert len({one.id for one in clients()}) == len(clients())
    whole = _made(
        *((p, tuple(s.iana for s in registry.suites() if not s.scsv)) for p in registry.PROTOCOLS[1:])
    )
    whole = replace(
        whole,
        protocols=tuple(
            replace(p, groups=tuple(Located(g.name, HERE) for g in registry.groups()))
            for p in whole.protocols
        ),
    )
    for one in clients():
        assert one.suites, one.id
        assert one.verified in {
            "measured",
            "recorded hello",
            "recorded hello of a neighbour",
            "derived from the measured build",
            "memory",
        }
        assert simulate(whole, one).ok, one.id


def test_an_offer_of_nothing_locks_everybody_out() -> None:
    empty = Offer(subject="www", at=HERE)
    assert len(locked_out(empty)) == len(clients())
    assert locked_out(empty, among=()) == ()


def test_an_unknown_client_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        client("java8")
    assert "java-8" in caught.value.hint


def test_clients_are_plain_data() -> None:
    assert isinstance(client("java-8"), Client)
    assert client("curl-el6").verified == "measured"
