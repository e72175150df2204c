"""`harden products [NAME]`: what is known of a product, row by row, with its sources."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from hardening.cli import completing

if TYPE_CHECKING:
    from hardening.products import Pack, ProductAdvisory, ProductFact


@click.command()
@click.argument("name", required=False, shell_complete=completing.products)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Format of the output.",
)
def command(name: str | None, form: str) -> None:
    """List the product packs, or show pack NAME: each fact with its source and mark."""
    from hardening import products

    chosen = [products.load(one) for one in ([name] if name else products.available())]
    if form == "json":
        import json

        body = [_json(one, full=bool(name)) for one in chosen]
        click.echo(json.dumps(body[0] if name else body, indent=2, ensure_ascii=False))
    else:
        lines = _text(chosen[0]) if name else [line for one in chosen for line in _summary(one)]
        click.echo("\n".join(lines))


def _summary(pack: Pack) -> Iterator[str]:
    marks = [one.mark.value for rows in pack.sheets.values() for one in rows]
    counted = ", ".join(f"{marks.count(mark)} {mark}" for mark in ("published", "inferred", "unknown"))
    yield f"{pack.name}: {pack.title}"
    yield from _wrapped(f"parts       {', '.join(pack.parts)}", "  ")
    yield f"  facts       {len(marks)}: {counted}"
    yield f"  advisories  {len(pack.advisories)}, as of {pack.advisories_as_of or 'unknown'}"
    yield from _wrapped(f"note        {pack.note}", "  ")


def _text(pack: Pack) -> Iterator[str]:
    yield from _summary(pack)
    for sheet, rows in pack.sheets.items():
        yield from ("", sheet)
        for row in rows:
            yield from _fact(row)
    if pack.advisories:
        yield from ("", "advisories", *_wrapped(f"From {pack.advisories_origin}.", "  "))
        for one in pack.advisories:
            yield from _advisory(one)


def _fact(row: ProductFact) -> Iterator[str]:
    values = ", ".join(
        f"{key} {', '.join(value) if isinstance(value, tuple) else value}"
        for key, value in row.values.items()
        if value != ""
    )
    yield from _wrapped(f"{row.id}  [{row.mark}]  {values}".rstrip(), "  ")
    yield from _wrapped(f"{row.what}. Source: {row.source}", "      ")


def _advisory(one: ProductAdvisory) -> Iterator[str]:
    cve = f" ({', '.join(name for name in one.cve if name != one.id)})" if one.names != (one.id,) else ""
    fixed = f"fixed in {one.fixed_in}" if one.fixed_in else "no fixed release published"
    yield from _wrapped(f"{one.id}{cve}  {one.severity.label}  {one.title}", "  ")
    yield from _wrapped(f"{one.affected}; {fixed}. Source: {one.source}", "      ")


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, 80, initial_indent=indent, subsequent_indent=indent + "  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _json(pack: Pack, *, full: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "schema": "harden-product/1",
        "name": pack.name,
        "title": pack.title,
        "vendor": pack.vendor,
        "parts": list(pack.parts),
        "note": pack.note,
        "as_of": pack.as_of.isoformat(),
        "facts": sum(map(len, pack.sheets.values())),
        "advisories": len(pack.advisories),
        "advisories_as_of": pack.advisories_as_of.isoformat() if pack.advisories_as_of else None,
    }
    if not full:
        return body
    return body | {
        "facts": {
            sheet: [
                {"id": one.id, **one.values, "what": one.what, "mark": one.mark.value, "source": one.source}
                for one in rows
            ]
            for sheet, rows in pack.sheets.items()
        },
        "advisories_origin": pack.advisories_origin,
        "advisories": [_json_advisory(one) for one in pack.advisories],
    }


def _json_advisory(one: ProductAdvisory) -> dict[str, Any]:
    return {
        "id": one.id,
        "cve": list(one.cve),
        "related": list(one.related),
        "title": one.title,
        "severity": one.severity.label,
        "class": one.category,
        "login": one.login,
        "part": one.part,
        "affected": f"{one.affected.sign} {one.affected.bound}",
        "fixed_in": one.fixed_in or None,
        "fixed_source": one.fixed_source or None,
        "evidence": [f"{seen.kind.value}:{seen.value}" for seen in one.evidence],
        "helps": list(one.helps),
        "remedy": one.remedy,
        "source": one.source,
        "date": one.date.isoformat(),
        "mark": one.mark.value,
    }
