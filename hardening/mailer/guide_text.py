"""The guide as text, Markdown, HTML, or a script of Azure CLI and Exchange PowerShell."""

from __future__ import annotations

from hardening import resources
from hardening.mailer.guide import Guide

FORMS = ("text", "markdown", "html", "script")


def guide_document(guide: Guide, form: str) -> str:
    """Return the guide in one of FORMS."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(resources.templates() / "mailer"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=select_autoescape(("html.j2",), default_for_string=False),
    )
    return environment.get_template(f"guide.{form}.j2").render(guide=guide, settings=guide.settings)
