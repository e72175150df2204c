"""What cannot be filled in is named before anything changes; asked of the real agent on this machine."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardening.errors import HardeningError
from hardening.host.plans import secrets
from hardening.host.plans.plan import Plan, Service
from hardening.host.session import here

OLD, NEW = "Tr4nsport", "N3w-secret/2"


def listed(*places: tuple[str, int, str], name: str = "db") -> dict[str, Any]:
    rows = [{"path": path, "line": line, "syntax": syntax} for path, line, syntax in places]
    row = {"name": name, "account": "root", "service": "mysql", "places": rows}
    return {"schema": secrets.SCHEMA, "secrets": [row]}


def planned(root: Path, said: Any, vault: dict[str, Any], where: list[dict[str, Any]] | None = None) -> Plan:
    at = secrets.places(
        said, secrets.where_of(where or [{"bundle": "", "path": f"{root}/", "group": str(os.getgid())}])
    )
    store = str(root / "store.json")
    facts = here(state=str(root / "state")).ask("facts", **secrets.wishes(at, store))
    return secrets.plan(at, vault, facts, store=store)


def carried(root: Path, said: Any, vault: dict[str, Any], **more: Any) -> dict[str, Any]:
    return here(state=str(root / "state")).carry_out(replace(planned(root, said, vault), **more))


def written(root: Path, said: Any, vault: dict[str, Any]) -> dict[str, bytes]:
    return {Path(one.path).name: one.content for one in planned(root, said, vault).files}


@pytest.mark.parametrize(
    ("said", "where", "problem"),
    [
        ({"schema": "other"}, None, "harden-secrets/1"),
        ({"schema": secrets.SCHEMA}, None, "damaged"),
        (
            listed(("a.conf", 1, "bare")),
            [{"bundle": "www/", "path": "/x/"}],
            "the place of a.conf on the host is unknown",
        ),
        (listed(("a.conf", 1, "bare")), [{"bundle": "", "path": "x/"}], "absolute path"),
        (
            listed(("www/../../etc/a.conf", 1, "bare")),
            [{"bundle": "www/", "path": "/srv/www/"}],
            "leads outside its folder",
        ),
        (listed(("a.conf", 1, "bare")), [{"bundle": "", "way": "/x/"}], "unknown key 'way'"),
        (listed(("none.conf", 1, "bare")), None, "none.conf is not on the host"),
        (listed(("a.conf", 1, "bare"), name="other"), None, "a.conf:1: the list does not name @secret:db@"),
        (listed(("a.conf", 1, "unheard-of")), None, "cannot be written there"),
        (listed(("a.conf", 4, "bare"), ("a.conf", 9, "xml")), None, "two syntaxes are possible there"),
    ],
)
def test_a_problem_names_its_place(
    tmp_path: Path, said: Any, where: list[dict[str, Any]] | None, problem: str
) -> None:
    (tmp_path / "a.conf").write_text("requirepass @secret:db@\n")
    vault = {"db": "two words" if problem.startswith("cannot") else NEW}
    with pytest.raises(HardeningError) as caught:
        planned(tmp_path, said, vault, where)
    assert problem in str(caught.value)
    assert vault["db"] not in f"{caught.value} {caught.value.hint}"


def test_a_damaged_store_is_refused_without_a_word_of_it(tmp_path: Path) -> None:
    (tmp_path / "store.json").write_text(f'{{"schema": "harden-store/1", "secrets": ["{OLD}"')
    with pytest.raises(HardeningError, match=r"store\.json on the host is damaged") as caught:
        planned(tmp_path, {"schema": secrets.SCHEMA, "secrets": []}, {})
    assert OLD not in str(caught.value)


def test_utf_16_keeps_its_encoding(tmp_path: Path) -> None:
    text = "[db]\r\nname = Geb\u00e4ude\r\npassword = {}\r\n"
    (tmp_path / "a.ini").write_bytes(text.format("@secret:db@").encode("utf-16"))
    made = written(tmp_path, listed(("a.ini", 3, "bare")), {"db": NEW})["a.ini"]
    assert made == text.format(NEW).encode("utf-16")


def test_bytes_of_no_encoding_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a.ini").write_bytes(b"name = Geb\xe4ude \xff\x00\r\npassword = @secret:db@\r\n")
    made = written(tmp_path, listed(("a.ini", 2, "bare")), {"db": NEW})["a.ini"]
    assert made == b"name = Geb\xe4ude \xff\x00\r\npassword = N3w-secret/2\r\n"


def test_a_file_that_says_something_else_by_now_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "store.json").write_text(json.dumps({"schema": "harden-store/1", "secrets": {"db": OLD}}))
    said = listed(("a.php", 1, "single-quoted"))
    (tmp_path / "a.php").write_text("$p = 'other';\n")
    with pytest.raises(HardeningError, match=r"a.php:1: the earlier secret db is not there exactly once"):
        planned(tmp_path, said, {"db": NEW})
    (tmp_path / "a.php").write_text(f"$p = '{NEW}';\n")
    assert set(written(tmp_path, said, {"db": NEW})) == {"store.json"}
    (tmp_path / "a.php").write_text(f"${OLD} = '{OLD}';\n")
    assert written(tmp_path, said, {"db": NEW})["a.php"] == f"${OLD} = '{NEW}';\n".encode()


FIRST, LATER = "fr'Esh \"$1&<9", "Later\\pw'#2"
TEXTS = {
    "login.php": ("single-quoted", "$link = mysql_connect('localhost', 'root', '{}');\n"),
    "setup.sh": ("single-quoted", "DB_PASSWORD='{}'\n"),
    "app.yaml": ("yaml", 'password: "{}"  # kept\n'),
    "app.toml": ("toml", 'password = "{}"\n'),
    "server.xml": ("xml", '<Resource username="app" password="{}"/>\n'),
    "jdbc.properties": ("url", "db=ftp://app:{}@host/dumps\n"),
    "grants.sql": ("sql", "GRANT ALL ON a.* TO 'a'@'localhost' IDENTIFIED BY '{}';\n"),
}
ALL = listed(*((name, 1, syntax) for name, (syntax, _) in TEXTS.items()))


def texts(root: Path) -> dict[str, str]:
    return {name: (root / name).read_text() for name in TEXTS}


@pytest.fixture
def product(tmp_path: Path) -> Path:
    for name, (_, text) in TEXTS.items():
        (tmp_path / name).write_text(text.format("@secret:db@"))
        (tmp_path / name).chmod(0o640)
    return tmp_path


def test_a_secret_changed_in_the_vault_replaces_the_earlier_one(product: Path) -> None:
    later = LATER.replace("\\", "")  # SQL refuses the backslash
    assert carried(product, ALL, {"db": FIRST})["state"] == "committed"
    assert carried(product, ALL, {"db": FIRST})["state"] == "unchanged"
    changed = carried(product, ALL, {"db": later})
    assert changed["state"] == "committed"
    assert len(changed["files"]) == len(TEXTS) + 1
    assert "Esh" not in "".join(texts(product).values()) + json.dumps(changed)
    direct = product / "direct"
    direct.mkdir()
    for name, (_, text) in TEXTS.items():
        (direct / name).write_text(text.format("@secret:db@"))
        (direct / name).chmod(0o640)
    assert carried(direct, ALL, {"db": later})["state"] == "committed"
    assert texts(product) == texts(direct)
    assert carried(product, ALL, {"db": later})["state"] == "unchanged"


def test_what_one_place_cannot_hold_changes_none(product: Path) -> None:
    before = texts(product)
    with pytest.raises(HardeningError, match=r"grants\.sql:1: the secret db holds characters"):
        carried(product, ALL, {"db": LATER})
    assert texts(product) == before
    assert not (product / "store.json").exists()


def test_a_file_that_everybody_reads_is_shut_or_refused(product: Path) -> None:
    (product / "login.php").chmod(0o644)
    with pytest.raises(HardeningError, match="every account can read it"):
        planned(product, ALL, {"db": FIRST}, [{"bundle": "", "path": f"{product}/"}])
    assert carried(product, ALL, {"db": FIRST})["state"] == "committed"
    assert (product / "login.php").stat().st_mode & 0o777 == 0o640


def test_a_failing_service_leaves_everything_as_it_was(product: Path) -> None:
    before = texts(product)
    failed = carried(product, ALL, {"db": FIRST}, services=(Service(name="invented", argv=("false",)),))
    assert failed["state"] == "rolled-back"
    assert "Esh" not in json.dumps(failed)
    assert texts(product) == before
    assert not (product / "store.json").exists()


def test_a_store_that_others_can_read_is_shut(product: Path) -> None:
    carried(product, ALL, {"db": FIRST})
    (product / "store.json").chmod(0o644)
    assert carried(product, ALL, {"db": FIRST})["state"] == "committed"
    assert (product / "store.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("encoding", "coded"),
    [
        ("base64", lambda v: base64.b64encode(v.encode()).decode()),
        ("hex", lambda v: v.encode().hex()),
        ("hex-upper", lambda v: v.encode().hex().upper()),
        ("url", lambda v: v.replace("/", "%2F")),
    ],
    ids=["base64", "hex", "hex-upper", "url"],
)
def test_a_secret_is_written_in_the_code_that_the_program_expects(
    tmp_path: Path, encoding: str, coded: Callable[[str], str]
) -> None:
    """Also where a new one replaces the one that was filled in before."""
    said = listed(("a.properties", 1, "bare"), ("b.properties", 1, "bare"))
    said["secrets"][0]["places"][0]["encoding"] = encoding
    for name in ("a", "b"):
        (tmp_path / f"{name}.properties").write_text("db.password=@secret:db@\n")
    carried(tmp_path, said, {"db": OLD})
    for value in (OLD, NEW):
        carried(tmp_path, said, {"db": value})
        assert (tmp_path / "a.properties").read_text() == f"db.password={coded(value)}\n"
        assert (tmp_path / "b.properties").read_text() == f"db.password={value}\n"
    said["secrets"][0]["places"][0]["encoding"] = "rot13"
    with pytest.raises(HardeningError, match="unknown encoding 'rot13'"):
        planned(tmp_path, said, {"db": NEW})
