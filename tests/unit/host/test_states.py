"""The one table of what a run can come to on a host."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hardening.errors import ExitCode
from hardening.findings import Examined, Verdict
from hardening.host import fleet, states
from hardening.host.playbook import HostReceipt, Receipt
from hardening.onhost.shared import journal
from hardening.onhost.upgrader import record
from hardening.upgrade import upgrade_report

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE, CHANGED = {ExitCode.ROLLED_BACK}, {ExitCode.HOSTS_FAILED}


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        ("", set()),
        ("committed current fit open untouched", set()),
        ("current fit untouched unfit older refused rolled-back", BEFORE),
        *(
            (f"rolled-back {name}", CHANGED)
            for name in ("committed", "open", "kept", "unfinished", "broken", "lost")
        ),
        ("lost", CHANGED),
        ("unreachable", CHANGED),
        ("unknown", CHANGED),
        ("a name of a later release", CHANGED),
    ],
)
def test_the_exit_code_says_whether_every_host_is_as_before(names: str, codes: set[ExitCode]) -> None:
    assert states.codes(names.split()) == codes


def test_both_stories_know_only_names_of_the_table_and_each_is_told_by_one() -> None:
    assert set(fleet._RULES) | set(upgrade_report._RULES) == set(states.STATES)


def test_the_program_on_the_host_ends_by_the_same_words() -> None:
    assert record.FINAL == states.FINISHED
    assert set(states.FINISHED) <= set(journal.FINAL)


def _upgraded(state: str, **row: object) -> HostReceipt:
    task = {"outcome": "ok", "result": {"upgrade": {"state": state, **row}}}
    return HostReceipt(host="a", tasks=[task])


@pytest.mark.parametrize("name", states.STATES)
def test_an_upgrade_says_the_verdict_of_its_state_and_names_what_failed(name: str) -> None:
    run = upgrade_report.judged(Receipt(code=0, hosts=(_upgraded(name),), output=""), NOW)
    told = "untouched" if name == "fit" else name
    (subject,), (result,) = run.subjects, run.results
    assert (subject.stats["state"], result.verdict) == (told, states.of(name).verdict)
    assert (subject.examined is Examined.NONE) is (result.verdict is Verdict.INCONCLUSIVE)
    assert [f.message for f in run.findings] == ([] if states.of(name).well else [name])


def test_a_host_that_took_the_bundle_and_cannot_be_led_back_did_not_refuse_it() -> None:
    said = {"id": "7", "state": "settled"}, {"state": "refused", "problems": ["No space left on device"]}
    tasks = [{"outcome": "ok", "result": {"upgrade": row}} for row in said]
    one = upgrade_report.host_report(HostReceipt(host="a", tasks=tasks))
    assert (one.state, one.why) == ("unfinished", ("No space left on device",))
    assert upgrade_report.codes([one]) == CHANGED


def test_a_state_that_nobody_knows_is_no_pass_and_no_silence() -> None:
    run = upgrade_report.judged(Receipt(code=0, hosts=(_upgraded("molten"),), output=""), NOW)
    assert run.results[0].verdict is Verdict.INCONCLUSIVE
    assert [f.message for f in run.findings] == ["molten"]
    assert ExitCode.HOSTS_FAILED in run.extra_codes


def test_a_host_that_had_the_release_already_is_as_before() -> None:
    hosts = (_upgraded("current"), _upgraded("rolled-back"))
    assert upgrade_report.judged(Receipt(code=0, hosts=hosts, output=""), NOW).extra_codes == BEFORE
