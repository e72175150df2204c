"""What is given a password in Java alone: constructors and methods whose names mean something else elsewhere, or nothing."""

from __future__ import annotations

from bundle.detect.credentials.rules.families import Sink

SINKS = (
    Sink("ZipFile", secret=1, user=-1, service="archive"),
    Sink("PdfReader", secret=1, user=-1, service="document"),
    Sink("DESKeySpec", secret=0, user=-1, service="encryption"),
    Sink("DESedeKeySpec", secret=0, user=-1, service="encryption"),
    Sink("HMAC256", secret=0, user=-1, service="signature"),
    Sink("HMAC384", secret=0, user=-1, service="signature"),
    Sink("HMAC512", secret=0, user=-1, service="signature"),
    Sink("LDAPConnection", secret=3, user=2, service="LDAP"),
    Sink("GroupConfig", secret=1, user=0, service="cluster"),
    Sink("RadiusClient", secret=1, user=-1, service="RADIUS"),
    Sink("AccessRequest", secret=1, user=0, service="RADIUS"),
    Sink("ServiceInstance", secret=2, user=1, service="VMware"),
    Sink("NtlmPasswordAuthentication", secret=2, user=1, service="Windows"),
    Sink("DefaultAuthenticator", secret=1, user=0, service="mail"),
    Sink("Credential.getCredential", secret=0, user=-1, service="application"),
    Sink("setBearerAuth", secret=0, user=-1, service="HTTP"),
    Sink("addAccount", secret=1, user=0, service="application"),
    Sink("setAuthentication", secret=1, user=0, service="mail"),
)
"""Arguments are counted from 0, without the object; a negative one is none."""
