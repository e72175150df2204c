"""`harden tls`: policies, targets and builds; render, explain, audit and scan."""

from __future__ import annotations

import click

from hardening.cli.lazy import LazyGroup, Verb

VERBS = (
    Verb("policies", "hardening.cli.tls_policies", "List the policies."),
    Verb("targets", "hardening.cli.tls_targets", "List the servers that can be rendered and audited."),
    Verb("builds", "hardening.cli.tls_builds", "List the OpenSSL builds that --openssl accepts."),
    Verb("render", "hardening.cli.tls_render", "Write a server's TLS configuration for a policy."),
    Verb("explain", "hardening.cli.tls_explain", "Explain a suite, a cipher string or a policy."),
    Verb("audit", "hardening.cli.tls_audit", "Audit configuration files against a policy, without network."),
    Verb("scan", "hardening.cli.tls_scan", "Scan endpoints against a policy."),
)


@click.group(cls=LazyGroup, verbs=VERBS)
def command() -> None:
    """Render, audit and scan TLS policies."""
