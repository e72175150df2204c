"""Every rule the TLS judge can say, with why, remedy and references; `harden rules` prints these."""

from __future__ import annotations

from hardening.findings import Rule, Severity
from hardening.tls.policies.ruleset import SIGNATURES

_RFC = "https://www.rfc-editor.org/rfc/"
_RENDER = "`harden tls render` writes the settings that do it."

PROTOCOL: Rule = Rule(
    id="tls/protocol",
    title="Protocol version is not allowed, or a required one is missing",
    severity=Severity.MEDIUM,
    rationale=(
        "SSL 2.0 and 3.0 are broken (DROWN, POODLE). TLS 1.0 and 1.1 depend on SHA-1 and MD5, have no "
        "authenticated encryption, and were deprecated in 2021. A client that an attacker downgrades to them "
        "loses the protection of the newer versions."
    ),
    remedy=f"Switch the version off in the server's protocol setting. {_RENDER}",
    references=(_RFC + "rfc6176", _RFC + "rfc7568", _RFC + "rfc8996"),
)
SUITE: Rule = Rule(
    id="tls/suite",
    title="Cipher suite is not allowed",
    severity=Severity.MEDIUM,
    rationale=(
        "The server picks a suite together with whoever connects. One weak suite in the list is enough "
        "for an attacker who can alter the handshake, or for a client that knows nothing better, to get it."
    ),
    remedy=f"Take the suite out of the server's cipher list. {_RENDER}",
    references=(_RFC + "rfc9325", _RFC + "rfc7465", "https://www.iana.org/assignments/tls-parameters/"),
)
GROUP: Rule = Rule(
    id="tls/group",
    title="Key-exchange group is not allowed",
    severity=Severity.MEDIUM,
    rationale=(
        "The group decides how hard the session key is to recover. Curves below 224 bits, Diffie-Hellman "
        "groups below 2048 bits and curves chosen by the peer are within reach of a well-funded attacker."
    ),
    remedy=f"List only the policy's groups in the server's curve or group setting. {_RENDER}",
    references=(_RFC + "rfc8422", _RFC + "rfc7919", _RFC + "rfc9325"),
)
SIGNATURE: Rule = Rule(
    id="tls/signature",
    title="Signature algorithm is not allowed",
    severity=Severity.MEDIUM,
    rationale=(
        "The handshake is signed so that nobody can stand in for the server. Signatures over MD5 or SHA-1 "
        "can be forged for chosen content (SLOTH, SHAttered)."
    ),
    remedy=SIGNATURES,
    references=(_RFC + "rfc9155", _RFC + "rfc8446"),
)
CERTIFICATE_EXPIRED = Rule(
    id="tls/certificate-expired",
    title="Certificate is outside its period of validity",
    severity=Severity.HIGH,
    rationale=(
        "Clients refuse the connection, or users learn to dismiss the warning, also for an attacker's certificate."
    ),
    remedy="Renew the certificate, install it and reload the server; check the host's clock.",
    references=(_RFC + "rfc5280",),
)
CERTIFICATE_EXPIRING = Rule(
    id="tls/certificate-expiring",
    title="Certificate expires soon",
    severity=Severity.LOW,
    rationale="A certificate that nobody renews in time stops every client at once; medium below 14 days, high below 7.",
    remedy="Renew the certificate, install it and reload the server; let a program renew it from then on.",
    references=(_RFC + "rfc5280", _RFC + "rfc8555"),
)
CERTIFICATE_KEY_MISMATCH = Rule(
    id="tls/certificate-key-mismatch",
    title="Private key does not belong to the certificate",
    severity=Severity.HIGH,
    rationale="The server refuses to start, or serves no TLS.",
    remedy="Name the private key that the certificate was issued for, or have a certificate issued for this key.",
)
CHAIN_INCOMPLETE = Rule(
    id="tls/certificate-chain-incomplete",
    title="An intermediate certificate is missing",
    severity=Severity.MEDIUM,
    rationale="Clients that do not fetch the missing certificate by themselves refuse the connection.",
    remedy="Append the certificate of the issuer to the file that the server sends, behind its own.",
    references=(_RFC + "rfc5246#section-7.4.2", _RFC + "rfc8446#section-4.4.2"),
)
MUST_STAPLE = Rule(
    id="tls/certificate-must-staple",
    title="Certificate requires an OCSP answer from the server",
    severity=Severity.MEDIUM,
    rationale="A client that honours Must-Staple refuses a connection without a stapled OCSP answer.",
    remedy="Switch OCSP stapling on, or have the certificate issued without Must-Staple: `harden tls scan HOST` shows whether it is stapled.",
    references=(_RFC + "rfc7633",),
)
DH_PRIME = Rule(
    id="tls/dh-unsafe-prime",
    title="Diffie-Hellman parameters are not of a safe prime",
    severity=Severity.HIGH,
    rationale="With a composite modulus or a small subgroup the key of a session is found in little time.",
    remedy="Use a group of RFC 7919, such as ffdhe3072: `openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe3072 -out FILE`.",
    references=(_RFC + "rfc7919", "https://eprint.iacr.org/2016/644"),
)
KNOWN_PRIME = Rule(
    id="tls/dh-known-prime",
    title="A small finite-field group that many servers share",
    severity=Severity.HIGH,
    rationale="What is computed once for such a prime opens the sessions of every server that uses it.",
    remedy="Use elliptic curves alone, or a group of 2048 bits or more (RFC 7919).",
    references=("https://weakdh.org/", _RFC + "rfc7919"),
)
CERTIFICATE_LIFETIME = Rule(
    id="tls/certificate-lifetime",
    title="Certificate is valid for longer than allowed",
    severity=Severity.MEDIUM,
    rationale="The longer a certificate lives, the longer a stolen key or a wrong name is of use.",
    remedy="Have the certificate issued again with a shorter life, and renew it by a program.",
    references=(_RFC + "rfc5280",),
)
CERTIFICATE_KEY = Rule(
    id="tls/certificate-key",
    title="Certificate's key is of a kind or size that is not allowed",
    severity=Severity.MEDIUM,
    rationale="An attacker who recovers the key can impersonate the server. RSA below 2048 bits is within reach.",
    remedy="Generate a new key of the kind and size the policy names, and have it certified.",
    references=(_RFC + "rfc9325", "https://csrc.nist.gov/pubs/sp/800/57/pt1/r5/final"),
)
CERTIFICATE_SIGNATURE = Rule(
    id="tls/certificate-signature",
    title="Certificate is signed with a hash that is not allowed",
    severity=Severity.HIGH,
    rationale="Two certificates with one MD5 or SHA-1 hash can be made; the signature then vouches for both.",
    remedy="Have the certificate issued again with a SHA-2 signature.",
    references=(_RFC + "rfc9155", _RFC + "rfc9325"),
)
CERTIFICATE_HOSTNAME = Rule(
    id="tls/certificate-hostname",
    title="Certificate does not name the host",
    severity=Severity.HIGH,
    rationale="A client that checks names refuses the connection; one that does not accepts anybody's certificate.",
    remedy="Have the certificate issued with every name clients use, as subjectAltName.",
    references=(_RFC + "rfc9525",),
)
CERTIFICATE_TRUST = Rule(
    id="tls/certificate-trust",
    title="Certificate is self-signed",
    severity=Severity.MEDIUM,
    rationale="No authority confirms it. Clients that check certificates refuse it; clients that do not check are easily deceived.",
    remedy="Have the certificate issued by an authority your clients trust; an authority of your own will do.",
    references=(_RFC + "rfc5280",),
)
CERTIFICATE_UNREAD = Rule(
    id="tls/certificate-unread",
    title="A file that a configuration names could not be read",
    severity=Severity.INFO,
    rationale="Nothing is known of the key, the signature and the dates of a certificate that was not read.",
    remedy="Make the file readable where the audit runs, or ask the server itself with `harden tls scan`.",
)
CHAIN_ORDER = Rule(
    id="tls/certificate-chain-order",
    title="Certificates are not sent in order",
    severity=Severity.LOW,
    rationale="Before TLS 1.3 each certificate has to certify the one before it; strict clients give up otherwise.",
    remedy="Put the server's certificate first, then each issuer, in the file the server sends.",
    references=(_RFC + "rfc5246",),
)
DH_BITS: Rule = Rule(
    id="tls/dh-bits",
    title="Diffie-Hellman parameters are too small",
    severity=Severity.MEDIUM,
    rationale=(
        "One precomputation breaks every session over the same prime (Logjam); 512 bits take minutes, "
        "1024 bits are within reach of a state, and old servers use one well-known prime."
    ),
    remedy="Use ffdhe2048 or larger (RFC 7919), or leave the DHE suites out where the server cannot.",
    references=(_RFC + "rfc7919", "https://weakdh.org/"),
)
COMPRESSION: Rule = Rule(
    id="tls/compression",
    title="TLS compression is on",
    severity=Severity.MEDIUM,
    rationale="The length of what is sent betrays its content, session cookies first (CRIME).",
    remedy=f"Switch TLS compression off. {_RENDER}",
    references=(_RFC + "rfc9325", "https://nvd.nist.gov/vuln/detail/CVE-2012-4929"),
)
RENEGOTIATION = Rule(
    id="tls/renegotiation",
    title="Secure renegotiation is missing",
    severity=Severity.HIGH,
    rationale="Without RFC 5746 an attacker can put text of his own before what a client sends (CVE-2009-3555).",
    remedy="Update the TLS library, and switch insecure renegotiation off where the server has a setting for it.",
    references=(_RFC + "rfc5746", "https://nvd.nist.gov/vuln/detail/CVE-2009-3555"),
)
EXTENSION = Rule(
    id="tls/extension",
    title="An extension that protects the session is missing",
    severity=Severity.MEDIUM,
    rationale=(
        "Without extended_master_secret two sessions can be made to share their keys (triple handshake); "
        "without encrypt_then_mac CBC suites stay open to padding oracles."
    ),
    remedy="Update the TLS library: OpenSSL has both from 1.1.0 on.",
    references=(_RFC + "rfc7627", _RFC + "rfc7366"),
)
PREFERENCE: Rule = Rule(
    id="tls/preference",
    title="The wrong side chooses the cipher suite",
    severity=Severity.LOW,
    rationale=(
        "Where weaker suites have to stay for old clients, the server has to choose, or a careless client "
        "gets the weakest. Where every suite is strong, the client knows best what it does fast."
    ),
    remedy=f"Set whose order of cipher suites decides. {_RENDER}",
    references=(_RFC + "rfc9325",),
)
CLIENT_CERTIFICATE = Rule(
    id="tls/client-certificate",
    title="Clients are asked for a certificate in another way than expected",
    severity=Severity.MEDIUM,
    rationale=(
        "Mutual TLS (BACnet/SC hubs, machine interfaces) lets in only clients that hold a certificate. A server that asks "
        "for one and goes on without it protects nothing by it."
    ),
    remedy="Require a client certificate of your own authority, and give each client one.",
    references=(_RFC + "rfc8446#section-4.3.2", "https://bacnet.org/secure-connect/"),
)
INCONCLUSIVE = Rule(
    id="tls/inconclusive",
    title="It is unknown whether something forbidden is offered",
    severity=Severity.INFO,
    rationale="The server closed, reset or stayed silent, or its settings depend on an unknown version.",
    remedy="Do not count it as passed. Scan the endpoint again with `--concurrency 1`. For a file, name the OpenSSL build with `--openssl`.",
)
UNVERIFIED = Rule(
    id="tls/unverified",
    title="The policy passes, but some of its rules were never checked against the source text",
    severity=Severity.INFO,
    rationale="A pass is worth as much as the rules behind it; some texts are not free to read.",
    remedy="Compare the rules with your copy of the standard: `harden tls policies POLICY` lists them.",
)

_RULES = (
    PROTOCOL,
    SUITE,
    GROUP,
    SIGNATURE,
    CERTIFICATE_EXPIRED,
    CERTIFICATE_EXPIRING,
    CERTIFICATE_LIFETIME,
    CERTIFICATE_KEY_MISMATCH,
    CHAIN_INCOMPLETE,
    MUST_STAPLE,
    DH_PRIME,
    KNOWN_PRIME,
    CERTIFICATE_KEY,
    CERTIFICATE_SIGNATURE,
    CERTIFICATE_HOSTNAME,
    CERTIFICATE_TRUST,
    CERTIFICATE_UNREAD,
    CHAIN_ORDER,
    DH_BITS,
    COMPRESSION,
    RENEGOTIATION,
    EXTENSION,
    PREFERENCE,
    CLIENT_CERTIFICATE,
    INCONCLUSIVE,
    UNVERIFIED,
)


def rules() -> tuple[Rule, ...]:
    """Return every rule of the TLS judge."""
    return _RULES
