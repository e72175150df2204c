"""Reading and writing the port in a properties file, and which ports are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardening.engine import port, product
from hardening.errors import RefusedError, UsageError

ASPECT = product.load()
LINES = st.lists(
    st.sampled_from(["# comment", "name = x", "engine.portal=9", "", "engine.port.old: 7"]), max_size=5
)


@given(
    before=LINES,
    after=LINES,
    old=st.integers(1, 65535),
    new=st.integers(1, 65535),
    end=st.sampled_from("\n\r"),
)
def test_only_the_port_changes(before: list[str], after: list[str], old: int, new: int, end: str) -> None:
    newline = "\r\n" if end == "\r" else "\n"
    text = newline.join([*before, f" engine.port = {old} ", *after]) + newline
    made = port.with_port(text, "engine.port", new)
    assert port.configured(made, "engine.port", 1) == new
    assert port.with_port(made, "engine.port", old) == text


@given(lines=LINES, new=st.integers(1, 65535))
def test_an_absent_port_is_added_once(lines: list[str], new: int) -> None:
    text = "\n".join(lines)
    assert port.configured(text, "engine.port", 7226) == 7226
    made = port.with_port(text, "engine.port", new)
    assert made.startswith(text)
    assert port.configured(made, "engine.port", 7226) == new


@pytest.mark.parametrize("said", ["abc", "", "0", "65536", "99999", "9" * 5000, "-1", "7226 # main"])
def test_a_port_that_is_none_is_said(said: str) -> None:
    with pytest.raises(UsageError, match="not a port") as raised:
        port.configured(f"engine.port={said}\n", "engine.port", 7226)
    assert len(str(raised.value)) < 100


def test_a_blank_parts_key_and_value_as_java_reads_it() -> None:
    text = "a 1\r\nengine.port   7300 \r\nengine.port.old 7\r\n"
    assert port.configured(text, "engine.port", 7226) == 7300
    assert port.with_port(text, "engine.port", 7400) == text.replace("7300", "7400")


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("", "engine.port=7300\n"),
        ("a=1", "a=1\nengine.port=7300\n"),
        ("a=1\nb=2\n", "a=1\nb=2\nengine.port=7300\n"),
        ("a=1\r\nb=2", "a=1\r\nb=2\r\nengine.port=7300\r\n"),
    ],
)
def test_a_line_that_is_added_ends_as_the_others_do(text: str, made: str) -> None:
    assert port.with_port(text, "engine.port", 7300) == made


TAKEN = [{"port": 7300, "process": "", "pid": 12}]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (80, "port 80 is refused: it has to be 1024 to 65535"),
        (3306, f"port 3306 is refused: it belongs to {ASPECT.reserved[3306]}"),
        (7300, "port 7300 is refused: an unknown process (pid 12) listens on it"),
    ],
)
def test_who_is_refused_reads_why_and_what_to_do(wanted: int, said: str) -> None:
    with pytest.raises(RefusedError) as raised:
        port.refuse(wanted, ASPECT, TAKEN, "java")
    assert str(raised.value) == said
    assert raised.value.hint.startswith("choose another")


def test_a_file_that_is_no_text_is_named_so() -> None:
    with pytest.raises(UsageError, match=r"^the engine's configuration is not text$"):
        port.configured("\0\x01engine.port=1", "engine.port", 7226)


@pytest.mark.parametrize("bad", [-1, 0, 80, 1023, 65536, 99999, 3306, 47808])
def test_privileged_reserved_and_impossible_ports_are_refused(bad: int) -> None:
    with pytest.raises(RefusedError, match=str(bad)):
        port.refuse(bad, ASPECT, [], "java")


def test_a_port_of_somebody_else_is_refused_with_its_name() -> None:
    taken = [{"port": 7300, "process": "mosquitto", "pid": 12}]
    with pytest.raises(RefusedError, match="mosquitto"):
        port.refuse(7300, ASPECT, taken, "java")
    port.refuse(7300, ASPECT, [{"port": 7300, "process": "java", "pid": 12}], "java")


def test_a_port_of_another_java_is_refused() -> None:
    engine = {"port": 7226, "process": "java", "pid": 12}
    taken = [engine, {"port": 8080, "process": "java", "pid": 99}]
    with pytest.raises(RefusedError, match="pid 99"):
        port.refuse(8080, ASPECT, taken, "java", (7226,))
    port.refuse(8080, ASPECT, [engine, {**engine, "port": 8080}], "java", (7226,))


def test_whole_numbers_alone_are_mentions() -> None:
    text = "a=7226\n# 7226\nb=17226\nurl=http://x:7226/y\nip=7226.1\n"
    assert [one.line for one in port.mentions("f", text, 7226)] == [1, 4]


def test_a_product_that_nobody_wrote_down_is_named() -> None:
    with pytest.raises(UsageError, match="unknown product 'other'"):
        product.load("other")


def test_every_path_of_the_product_says_how_it_is_known() -> None:
    assert {one.mark for one in ASPECT.places} == {"published", "inferred", "unknown"}
    assert all(one.source for one in ASPECT.places)
    assert {key for key, mark in ASPECT.marks.items() if mark == "published"} == {"port", "process"}
    assert all(ASPECT.sources.values())
    assert all(ASPECT.place(one.id).id == one.id for one in ASPECT.places)


@pytest.mark.parametrize(
    ("running", "pending", "line"),
    [
        ((7300,), None, "configured=7300 running=7300"),
        ((7226,), None, "configured=7300 running=7226 restart pending"),
        ((), None, "configured=7300 running=none; the engine is not seen running"),
        ((), {"since": "noon", "by": "ops"},
         "configured=7300 running=none restart pending since noon by ops; the engine is not seen running"),
        ((7226, 7300), {"since": "noon", "by": "ops"}, "configured=7300 running=7226,7300 restart pending since noon by ops"),
        ((7300,), {"since": "noon", "by": "ops"}, "configured=7300 running=7300"),
    ],
)  # fmt: skip
def test_what_runs_beside_what_is_configured_is_said_in_one_line(
    running: tuple[int, ...], pending: dict[str, str] | None, line: str
) -> None:
    assert port.EnginePort(configured=7300, running=running, pending=pending).line == line


def test_the_ports_an_engine_listens_on_are_told_in_order_each_once() -> None:
    listeners = [
        {"port": n, "process": p}
        for n, p in ((65000, "java"), (7226, "java"), (65000, "java"), (7300, "sshd"))
    ]
    assert port.running(listeners, "java", (7226, 7300, 65000)) == (7226, 65000)
    assert port.running(listeners, "java", (7300,)) == ()


@pytest.mark.parametrize("good", [1024, 65535])
def test_the_first_and_the_last_port_may_be_chosen(good: int) -> None:
    port.refuse(good, ASPECT, [], "java")


def test_a_port_that_no_file_sets_is_told_as_the_default() -> None:
    assert port.unset("engine.port = 7300\n", "engine.port", "/e") == ""
    said = port.unset("engine.portal = 1\n", "engine.port", "/e")
    assert port.EnginePort(configured=7226, running=(7226,), unset=said).line == (
        "configured=7226 running=7226 (the default: /e has no engine.port)"
    )


def test_an_engine_of_another_name_is_not_seen_and_who_has_its_port_is_named() -> None:
    """Such a host was told that a restart is pending, which could stop a plant for nothing."""
    listeners = [
        {"port": 7226, "process": "engine-stand-in", "pid": 9},
        {"port": 7226, "process": "engine-stand-in", "pid": 9},
        {"port": 8443, "process": "java", "pid": 12},
    ]
    now = port.EnginePort(
        configured=7226,
        running=port.running(listeners, "java", (7226,)),
        elsewhere=port.elsewhere(listeners, "java"),
        others=port.others(listeners, "java", 7226),
    )
    assert not now.restart_pending
    assert now.line == (
        "configured=7226 running=none; the engine is not seen running; "
        "port 7226 is listened on by engine-stand-in (pid 9); a process of its name listens on 8443"
    )


def test_a_port_that_nobody_reaches_is_said() -> None:
    now = port.EnginePort(configured=7300, running=(7300,), firewall="iptables", shut=(7300,))
    assert now.line == (
        "configured=7300 running=7300; the firewall (iptables) lets no other host reach port 7300 over IPv4"
    )
