"""A document to file and sign: cover, contents, summary, requirements, findings; tagged, with page numbers."""

from __future__ import annotations

import hashlib
from typing import Any

from hardening.errors import UsageError, install_extra
from hardening.findings import Run
from hardening.reports import RenderOptions, html
from hardening.reports.json import write as write_json

_CARDS = 150
"""Messages in the document, the worst first; the JSON report has all."""
_PLACES = 8


def write(run: Run, options: RenderOptions) -> bytes:
    """Return the document as PDF/UA. Errors: UsageError (the extra or its library Pango is not installed)."""
    try:
        from weasyprint import HTML
    except (ImportError, OSError) as problem:
        hint = f"{install_extra('pdf')}; and Pango: apt-get install libpango-1.0-0 libpangoft2-1.0-0"
        raise UsageError("the format pdf needs WeasyPrint", hint=hint) from problem
    text = html.page("print.html.j2", values(run, options)).decode("utf-8")
    document = HTML(string=text, url_fetcher=_nothing).write_pdf(
        pdf_variant="pdf/ua-1", pdf_identifier=hashlib.sha256(text.encode()).digest()[:16]
    )
    return bytes(document)


def _nothing(url: str, *_: Any, **__: Any) -> Any:
    """Fetch nothing: the document is whole."""
    raise ValueError(f"not fetched: {url}")


def values(run: Run, options: RenderOptions) -> dict[str, Any]:
    """Return what the template of the document shows."""
    shared = html.values(run, options)
    every = shared["every"]
    return {
        **shared,
        "cards": every[:_CARDS],
        "cards_left": max(0, len(every) - _CARDS),
        "places_shown": _PLACES,
        "readiness": _readiness(run),
        "digest": hashlib.sha256(write_json(run, options)).hexdigest(),
    }


def _readiness(run: Run) -> list[tuple[str, list[str]]]:
    """Return each sentence about key agreement and the last days of keys, and the subjects of which it is true."""
    found: dict[str, list[str]] = {}
    for one in run.subjects:
        for words in (one.offer or {}).get("readiness", ()):
            found.setdefault(words, []).append(one.id)
    return sorted(found.items(), key=lambda row: (-len(row[1]), row[0]))[:_CARDS]
