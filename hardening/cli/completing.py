"""Complete names of policies, servers, builds and rules in a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def policies(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[str | CompletionItem]:
    """Return the policies whose names begin so, or that a file has to be named."""
    from click.shell_completion import CompletionItem

    from hardening.tls import policy

    names = {*policy.available(), *policy.SHORT_NAMES}
    return [name for name in sorted(names) if name.startswith(begun)] or [CompletionItem(begun, type="file")]


def targets(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[str | CompletionItem]:
    """Return the servers."""
    from hardening.tls.targets import targets as every

    return [one.name for one in every() if one.name.startswith(begun)]


def builds(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[str | CompletionItem]:
    """Return the OpenSSL builds and the JDKs."""
    from hardening.tls.libraries import builds as known
    from hardening.tls.libraries import jsse

    return [name for name in (*known.NAMES, *jsse.names()) if name.startswith(begun)]


def rules(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[str | CompletionItem]:
    """Return the rules whose ids begin so, or the families before a `/` is there."""
    from hardening.cli.known_rules import all_rules

    ids = [rule.id for rule in all_rules()]
    names = ids if "/" in begun else sorted({one.partition("/")[0] for one in ids})
    return [name for name in names if name.startswith(begun)]


def products(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[str | CompletionItem]:
    """Return the products that have a pack."""
    from hardening.products import available

    return [name for name in available() if name.startswith(begun)]
