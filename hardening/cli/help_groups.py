"""Groups of options in the help of commands that have many: what goes in, what fails, what comes out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import click

_HYPHEN = "\N{NON-BREAKING HYPHEN}"
FEW = 9
"""Options from which on a help has groups."""
_GROUPS = {
    "Input": "bundle-name endpoints extra files from-audit inventory limit openssl osv password-file path proxy recipe root "
    "rules sni sni-file starttls target client-cert client-key log-rules",
    "Policy": "allow-ranges expiry-days policy require trust",
    "Signatures": "cleaned-from expires force-older installed-state key no-passphrase online-key passphrase-file product "
    "release root-key root-threshold salt sign-key signature targets-key targets-threshold threshold unsigned",
    "What fails": "changed fail-on min-confidence role trust-inline-ignores",
    "Limits": "cache check-seconds concurrency dask deadman jobs max-depth max-member max-members max-ratio max-seconds "
    "max-seconds-total max-spill max-time max-total max-window timeout wait",
    "Reports": "format help-report host-reports merge output quiet report stream verbose",
    "Other": "config help",
}
"""Options by the heading they stand under; the others are what the command alone has, and come first."""
_OWN = "Options"
_ELSEWHERE = {
    "advisories": {"Input": "product release"},
    "bundle clean": {_OWN: "output"},
    "bundle sbom": {_OWN: "files format output"},
    "bundle sign": {_OWN: "output"},
    "bundle verify": {"Signatures": "require trust"},
    "bundle verify-clean": {"Signatures": "trust"},
    "engine": {_OWN: "config format key"},
    "mailer": {"Input": "config key-file vault-password-file"},
    "mailer render": {_OWN: "output"},
    "report verify": {"Signatures": "trust"},
    "tls render": {_OWN: "output"},
    "tls scan": {"Input": "merge"},
    "upgrade": {"Signatures": "trust"},
}
"""Options that mean something else in a command, or in every command of a group."""
HEADINGS = {name: heading for heading, names in _GROUPS.items() for name in names.split()}
"""The same by the name of the option."""


class _Formatter(click.HelpFormatter):
    """Help text with more than one list of options, in which no command is broken at a hyphen."""

    headings: Mapping[str, str] = HEADINGS

    def write_text(self, text: str) -> None:
        """Write a paragraph."""
        super().write_text(text.replace("-", _HYPHEN))

    def getvalue(self) -> str:
        """Return the text."""
        return super().getvalue().replace(_HYPHEN, "-")

    def write_heading(self, heading: str) -> None:
        """Write a heading; that of the options is written with each of their groups."""
        if heading != _OWN:
            super().write_heading(heading)

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write a list of terms, that of many options in groups, all with the same indent."""
        rows = list(rows)
        if not all(term.startswith("-") for term, _ in rows):
            super().write_dl(_unbroken(rows), col_max, col_spacing)
            return
        width = min(max(len(term) for term, _ in rows), col_max)
        for number, (heading, group) in enumerate(_grouped(rows, self.headings)):
            self.dedent()
            if number:
                self.write_paragraph()
            super().write_heading(heading)
            self.indent()
            aligned = [(term.ljust(width), text) for term, text in group]
            super().write_dl(_unbroken(aligned), col_max, col_spacing)


def _headings(verb: str) -> dict[str, str]:
    """Return the headings of the options of a command."""
    own = {
        name: heading
        for group, headings in _ELSEWHERE.items()
        if f"{verb} ".startswith(f"{group} ")
        for heading, names in headings.items()
        for name in names.split()
    }
    return HEADINGS | own


def _unbroken(rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return rows whose texts are broken at spaces alone."""
    return [(term, text.replace("-", _HYPHEN)) for term, text in rows]


def _grouped(
    rows: Sequence[tuple[str, str]], headings: Mapping[str, str]
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield heading and rows of each group that is not empty."""
    if len(rows) < FEW:
        yield _OWN, list(rows)
        return
    for heading in (_OWN, *_GROUPS):
        group = [row for row in rows if headings.get(_name(row[0]), _OWN) == heading]
        if group:
            yield heading, group


def _name(term: str) -> str:
    """Return the long name in the first column of an option, without its dashes; empty for a switch, which only its command has."""
    found = re.search(r"--([a-z-]+)", term)
    return found[1] if found and " / --no-" not in term else ""


class GroupedContext(click.Context):
    """A context whose help has groups of options."""

    formatter_class = _Formatter

    def make_formatter(self) -> click.HelpFormatter:
        """Return a formatter that knows the headings of this command."""
        formatter = super().make_formatter()
        if isinstance(formatter, _Formatter):
            formatter.headings = _headings(self.command_path.partition(" ")[2])
        return formatter
