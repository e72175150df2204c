"""Writers: a finished `Run` becomes bytes in one of the formats a person or a machine reads.

A writer gets the run and nothing else; to add a format, write one module with a `write(run, how)` and
one row in `WRITERS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from hardening.errors import UsageError
from hardening.findings import Run, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """What may shape a report beside the run itself."""

    fail_on: Severity | None = Severity.MEDIUM
    """The least severity that fails the run; None is `--fail-on never`."""
    color: bool = False
    verbose: int = 0
    counted: bool = False
    """Whether a person at a terminal is told how many findings there are of each rule, not each; `verbose` tells them."""
    summary: bool = False
    """Whether a text that does not fit a screen is summed up; `verbose` shows all of it."""
    width: int = 0
    """Columns of the terminal that text is wrapped to; 0: lines stay whole."""


class _Write(Protocol):
    def __call__(self, run: Run, options: RenderOptions, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Writer:
    """A format by name, and the module whose `write` makes it; imported when it is asked for."""

    name: str
    module: str
    summary: str
    binary: bool = False
    """Whether it is no text; it then needs the extra of its name."""

    def load(self) -> _Write:
        """Import the module and return its `write`."""
        return cast("_Write", import_module(self.module).write)


WRITERS = (
    Writer("text", "hardening.reports.text", "for a person at a terminal"),
    Writer("json", "hardening.reports.json", "harden-report/1, for other programs and as a baseline"),
    Writer("sarif", "hardening.reports.sarif", "SARIF 2.1.0, for code scanning"),
    Writer("junit", "hardening.reports.junit", "JUnit XML, for a CI server's test view"),
    Writer("html", "hardening.reports.html", "one self-contained page, for an auditor"),
    Writer("markdown", "hardening.reports.markdown", "a summary for a ticket or a job page"),
    Writer("gitlab-sast", "hardening.reports.gitlab_sast", "GitLab's SAST report"),
    Writer("gitlab-secrets", "hardening.reports.gitlab_secrets", "GitLab's secret detection report"),
    Writer("codequality", "hardening.reports.codequality", "GitLab's code quality report"),
    Writer("csv", "hardening.reports.csv", "one table of findings and results"),
    Writer("oscal", "hardening.reports.oscal", "OSCAL assessment results"),
    Writer("xlsx", "hardening.reports.xlsx", "a workbook, for an auditor", binary=True),
    Writer("pdf", "hardening.reports.pdf", "a document to file and sign, for an auditor", binary=True),
    Writer(
        "cbom",
        "hardening.tls.cbom",
        "CycloneDX 1.6: protocols, algorithms, certificates and keys that were seen",
    ),
    Writer("github", "hardening.reports.github", "annotations in a GitHub Actions log"),
)


def render(
    name: str,
    run: Run,
    *,
    fail_on: Severity | None,
    color: bool = False,
    verbose: int = 0,
    counted: bool = False,
    summary: bool = False,
    width: int = 0,
) -> bytes:
    """Write the run in the format of that name. Errors: UsageError (no such format)."""
    for writer in WRITERS:
        if writer.name == name:
            options = RenderOptions(
                fail_on=fail_on, color=color, verbose=verbose, counted=counted, summary=summary, width=width
            )
            return writer.load()(run, options)
    known = ", ".join(writer.name for writer in WRITERS)
    raise UsageError(f"no report format {name!r}", hint=f"known: {known}")
