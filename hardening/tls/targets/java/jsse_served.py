"""From a Java server's settings to what it offers: enabled minus what java.security disables."""

from __future__ import annotations

from hardening.findings import InFile
from hardening.records import dataclass
from hardening.tls.libraries import jsse
from hardening.tls.offer import ClientCertificate, Inert, Located, Offer
from hardening.tls.targets.reading import certificates, served

ANY_SECURITY = "the JDK's own java.security, for the one of the host was not read"


@dataclass(frozen=True, slots=True, kw_only=True)
class JsseSettings:
    """What one server's settings amount to; None: the server does not say, so Java's own holds."""

    subject: str
    at: InFile
    protocols: tuple[Located, ...] | None = None
    """Versions the server enables (IANA-like names of this project)."""
    suites: Located | None = None
    """Suites the server enables, in its order: names with `:` between them."""
    groups: Located | None = None
    """Groups the server enables, with `:` between them."""
    server_preference: bool | None = None
    disabled: Located | None = None
    """The value of `jdk.tls.disabledAlgorithms`; None: that of the JDK's own file."""
    curves: str | None = None
    """The value of `jdk.disabled.namedCurves`; None: that of the JDK's own file."""
    keys: frozenset[str] | None = None
    cards: certificates.Presented = certificates.NOTHING
    dh_bits: int | None = None
    """The size of the DH parameters where something sets it; None: the JDK's own."""
    client: ClientCertificate | None = None
    """What is asked of clients; None: not known."""
    assumptions: tuple[str, ...] = ()


def _finite_field(jdk: jsse.Jdk, forbids: jsse.Constraints) -> bool:
    """Whether DHE works: where groups can be disabled by name, it goes with the last FFDHE group."""
    known = [n for n in jdk.groups if n.startswith("ffdhe")]
    return not known or any(map(forbids.permits_group, known))


def _usable(keys: frozenset[str] | None, listed: list[str] | None) -> frozenset[str] | None:
    """Return the kinds of key without those on a curve that is no group the server lists: up to TLS 1.2 Java passes them over.

    Under TLS 1.3 it takes them, and no suite depends on the key there; a group that is disabled instead changes nothing
    (both measured on JDK 17).
    """
    curves = {k.removeprefix("ec:") for k in keys or () if k.startswith("ec:")}
    if keys is None or not curves or listed is None or not curves.isdisjoint(listed):
        return keys
    return frozenset(k for k in keys if not k.startswith("ec"))


def offer(settings: JsseSettings, build: str) -> Offer:
    """Return what a server with these settings offers on a JDK."""
    jdk = jsse.jdk(build)
    disabled = settings.disabled
    forbids = jsse.constraints(disabled.value if disabled else jdk.disabled, build, settings.curves)
    own = disabled.at if disabled else settings.at
    protocols = settings.protocols
    if protocols is None:
        protocols = tuple(Located(name, own) for name in jdk.server_protocols)
    suites = settings.suites or Located(":".join(n for n in jdk.suites if n in jdk.enabled), own)
    names = [real or n for n in suites.value.split(":") if n for real in [jdk.find(n)]]
    allowed = [n for n in names if jdk.find(n) is None or forbids.permits_suite(n)]
    listed = [w.lower() for w in settings.groups.value.split(":")] if settings.groups else None
    groups = [n for n in jdk.groups if forbids.permits_group(n) and (listed is None or n.lower() in listed)]
    order = settings.server_preference
    return served.offer(
        served.ServedSettings(
            subject=settings.subject,
            at=settings.at,
            protocols=tuple(s for s in protocols if forbids.permits_protocol(s.value)),
            ciphers=Located(":".join(allowed), suites.at),
            groups=Located(":".join(groups), settings.groups.at if settings.groups else own),
            server_preference=jdk.server_order if order is None else order,
            keys=_usable(settings.keys, listed),
            cards=settings.cards,
            finite_field=_finite_field(jdk, forbids),
            dh_bits=settings.dh_bits or jdk.dh_bits,
            compression=False,
            client=settings.client,
            inert=tuple(
                Inert(s, "java.security disables it (jdk.tls.disabledAlgorithms)")
                for s in protocols
                if not forbids.permits_protocol(s.value)
            ),
            assumptions=settings.assumptions,
        ),
        build,
    )
