"""`harden bundle`: everything that is done to an upgrade bundle, one verb per module."""

from __future__ import annotations

import click

from hardening.cli.lazy import LazyGroup, Verb

VERBS = (
    Verb("audit", "hardening.cli.bundle_audit", "Examine archives or folders, nested to any depth."),
    Verb("clean", "hardening.cli.bundle_clean", "Write a new bundle with the safe fixes applied."),
    Verb("explain", "hardening.cli.bundle_explain", "Explain why a credential is reported at a place."),
    Verb("sbom", "hardening.cli.bundle_sbom", "List what a bundle contains (CycloneDX, SPDX)."),
    Verb("keygen", "hardening.cli.bundle_keygen", "Make a signing key."),
    Verb("sign", "hardening.cli.bundle_sign", "Sign a bundle and the list of its members."),
    Verb(
        "envelope",
        "hardening.cli.bundle_envelope",
        "Add a signature made elsewhere: by openssl, a token, a second person.",
    ),
    Verb("verify", "hardening.cli.bundle_verify", "Verify a bundle against its signature."),
    Verb("verifier", "hardening.cli.bundle_verifier", "Write the verifier for hosts without this tool."),
    Verb(
        "tuf",
        "hardening.cli.bundle_tuf",
        "Publish releases in a TUF repository, and fetch the newest without network.",
    ),
    Verb("diff", "hardening.cli.bundle_diff", "Compare two bundles member by member."),
    Verb(
        "fingerprint",
        "hardening.cli.bundle_fingerprint",
        "Write rules that recognise a Java library wherever it is packed.",
    ),
    Verb(
        "verify-clean",
        "hardening.cli.bundle_verify_clean",
        "Verify that a cleaned bundle differs from the original by the listed changes only.",
    ),
)


@click.group(cls=LazyGroup, verbs=VERBS)
def command() -> None:
    """Audit, clean, inventory, sign and verify upgrade bundles."""
