"""The HTML report in a real headless browser: the filter works and nothing goes out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lxml import html

from hardening.findings import Finding, Fix, InFile, Result, Run, Severity, Subject, SubjectKind, Verdict
from hardening.reports import render
from tests.support.reports.fixtures import FINISHED, PROTOCOL, STARTED


def page(run: Run) -> bytes:
    return render("html", run, fail_on=Severity.MEDIUM)


def shown(document: Any) -> list[str]:
    return [
        str(one.get("data-severity"))
        for one in document.iter("details")
        if "finding" in str(one.get("class")) and one.get("hidden") is None
    ]


def test_the_page_is_whole_without_script_and_asks_for_nothing(mixed_run: Run) -> None:
    text = page(mixed_run).decode()
    document: Any = html.fromstring(text)
    assert len(shown(document)) == 7
    assert not document.xpath(
        "//*[@src] | //link | //iframe | //*[@style] | //*[starts-with(name(@*), 'on')]"
    )
    assert "url(" not in text
    policy = document.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert policy.startswith("default-src 'none'")


def test_before_and_after_stand_side_by_side(mixed_run: Run) -> None:
    document: Any = html.fromstring(page(mixed_run).decode())
    row = document.xpath("//tr[th[contains(., '8443 after')]]")[0]
    marks = row.xpath(".//span[starts-with(@class, 'mark m-')]/text()")
    assert marks == ["✕ fail", "✓ pass", "✕ fail", "✓ pass", "✕ fail", "? unknown"]
    assert not document.xpath("//tbody//th[starts-with(normalize-space(text()), '127.0.0.1:8443 before')]")
    credential_lines = document.xpath("string(//p[@class='sentence'])")
    row_before, row_after = (
        int(row.xpath(f"string(td[@class='num']/{part})")) for part in ("span[@class='was']", "b")
    )
    assert row_before > row_after
    assert f", {row_before} of them before and " in credential_lines


def test_every_picture_and_control_has_a_name(mixed_run: Run) -> None:
    document: Any = html.fromstring(page(mixed_run).decode())
    for one in document.xpath(
        "//*[local-name()='svg'] | //input | //*[@role='region'] | //*[@role='toolbar']"
    ):
        named = one.get("aria-label") or one.get("aria-labelledby") or one.getparent().tag == "label"
        assert named, html.tostring(one)[:80]
    assert document.xpath("//html/@lang") == ["en"]
    ids = document.xpath("//@id")
    assert len(ids) == len(set(ids))


def test_a_requirement_that_a_person_checks_has_its_row_beside_failures() -> None:
    rule = replace(PROTOCOL, id="tls/aspect/4.2-checked-by-a-person")
    subjects = [
        Subject(id=name, kind=SubjectKind.ENDPOINT, policies={"aspect": "fail"})
        for name in ("a:443", "b:443")
    ]
    verdicts = {"a:443": Verdict.FAIL, "b:443": Verdict.MANUAL}
    results = [
        Result(rule=rule, subject=name, verdict=word, reason="look at it") for name, word in verdicts.items()
    ]
    for kept, rows in ((results, 1), (results[:1], 0)):
        run = Run.of(subjects, (), kept, started=STARTED, finished=FINISHED)
        page = render("html", run, fail_on=Severity.MEDIUM).decode()
        assert page.count("Checked by") == rows


def test_one_command_that_mends_many_findings_of_a_file_is_one_thing_to_do() -> None:
    subjects = [Subject(id="a.conf", kind=SubjectKind.FILE)]
    fix = Fix(action="run `harden tls audit a.conf --fix-diff`", operation="set-directive")
    findings = [
        Finding(rule=PROTOCOL, subject="a.conf", location=InFile(("a.conf",), n), message=f"suite {n}", remedy=f"take suite {n} out", fix=fix if n < 9 else None)
        for n in range(1, 10)
    ]  # fmt: skip
    run = Run.of(subjects, findings, started=STARTED, finished=FINISHED)
    tree: Any = html.fromstring(render("html", run, fail_on=Severity.MEDIUM))
    rows = tree.findall(".//ol[@class='first']/li")
    said = [(row.find("a").text_content(), row.find("small").text_content().strip()) for row in rows]
    assert said[0][0] == "Run harden tls audit a.conf --fix-diff."
    assert [one.text for one in rows[0].findall("a/code")] == ["harden tls audit a.conf --fix-diff"]
    assert said[0][1].endswith("8 findings in 1 subject")
    assert [text for text, _ in said[1:]] == ["take suite 9 out"]


def test_the_document_to_print_says_how_ready_a_server_is() -> None:
    """The page had it, and the document to file and sign had not."""
    from hardening.reports import RenderOptions, pdf
    from hardening.reports import html as page

    line = "key agreement: classical alone"
    run = Run.of(
        [Subject(id="a:443", kind=SubjectKind.ENDPOINT, offer={"readiness": [line]})], [], [], started=STARTED, finished=FINISHED
    )  # fmt: skip
    assert line in page.page("print.html.j2", pdf.values(run, RenderOptions())).decode()
    assert line in page.write(run, RenderOptions()).decode()
