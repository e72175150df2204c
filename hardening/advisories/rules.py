"""One rule for each advisory, and one for the table itself."""

from __future__ import annotations

from hardening.findings import Rule, Severity
from hardening.products import ProductAdvisory, available, load

TABLE = Rule(
    id="advisory/table",
    title="The table of advisories has a date",
    severity=Severity.INFO,
    rationale="An advisory that was published after the table is not in it, so an advisory that is missing here can still apply.",
    remedy="Add newer CSAF files of the vendor or of CISA: harden advisories --csaf DIR.",
)
OLD = 180
"""Days after which the table is worth a look."""


def rule(advisory: ProductAdvisory) -> Rule:
    """Return the rule of an advisory."""
    fixed = f"fixed in {advisory.fixed_in}" if advisory.fixed_in else "no source states a fixed release"
    who = {"none": "No login is required", "user": "An account of the product is required", "local": "Access to the machine is required"}  # fmt: skip
    cve = [f"https://www.cve.org/CVERecord?id={one}" for one in advisory.cve]
    links = [one for one in advisory.source.split("; ") if one.startswith("https://")]
    return Rule(
        id=f"advisory/{advisory.id.lower()}",
        title=advisory.title,
        severity=advisory.severity,
        rationale=f"{who[advisory.login]}. Affected: {advisory.affected}; {fixed}. Source: {advisory.source}",
        remedy=advisory.remedy,
        references=(*links, *cve),
    )


def rules() -> tuple[Rule, ...]:
    """Return every rule this package can say without CSAF files."""
    return (TABLE, *(rule(one) for name in available() for one in load(name).advisories))
