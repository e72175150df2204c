"""`harden host apply` over six hosts that are folders of this machine, a later one broken."""

from __future__ import annotations

from pathlib import Path

from tests.real.host.test_fleet import WRONG, apply, lay_out, webs


def test_what_cannot_be_led_back_is_named(tmp_path: Path) -> None:
    """h5 has no usable Python, so that nothing is known of it; h1 asks to stay."""
    inventory = lay_out(
        tmp_path, h5="ansible_python_interpreter=/no/such/python", h1="harden_undo_on_failure=false"
    )
    before = webs(tmp_path)
    code, states, said = apply(tmp_path, inventory)
    assert code == 7, said
    back = ("h0", "h2", "h3", "h4")
    assert states == {**dict.fromkeys(back, "rolled-back"), "h1": "kept", "h5": "unknown"}
    assert [a == b for a, b in zip(webs(tmp_path), before, strict=True)] == [
        True,
        False,
        True,
        True,
        True,
        True,
    ]


def test_all_are_done_or_stay_done_where_that_is_asked(tmp_path: Path) -> None:
    inventory = lay_out(tmp_path, h2=f"components_probes='{WRONG}'")
    code, states, said = apply(tmp_path, inventory, "--keep-done", "-e", "harden_serial=1")
    assert code == 7, said
    expected = ["committed", "committed", "rolled-back", "untouched", "untouched", "untouched"]
    assert [states[f"h{number}"] for number in range(6)] == expected
    code, states, said = apply(tmp_path, inventory, "-e", '{"components_probes": []}')
    assert code == 0, said
    assert states == {f"h{number}": "current" if number < 2 else "committed" for number in range(6)}
