"""Which certificate of a bind line of HAProxy answers for which name, held against the real HAProxy."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hardening.tls.auditing import audit
from hardening.tls.offer import Offer
from hardening.tls.scan import run as scans
from hardening.tls.targets import find
from tests.support.ports import free_port
from tests.support.tls import servers

NAMES = (None, "a.example", "cn-b.example", "b.example", "x.w.example", "c.example", "other.example")
LISTS = {
    "no filters": ("crt-list {list}", "{a}\n{b}\n{c}\n"),
    "options of one": ("crt-list {list}", "{a}\n{b} [ciphers AES256-SHA256 ssl-max-ver TLSv1.2]\n{c}\n"),
    "options of the first": ("crt-list {list}", "{a} [ciphers AES256-SHA256]\n{b}\n"),
    "a filter of one": ("crt-list {list}", "{a}\n{b} [ciphers AES256-SHA256] only.example\n{c} b.example\n"),
    "none but": ("crt-list {list}", "{a}\n{c} !c.example\n"),
    "beside the bind line's": ("crt {c} crt-list {list}", "{a} [ciphers AES256-SHA256]\n{b}\n"),
    "two of the bind line": ("crt {a} crt {c}", ""),
    "one name with two keys": ("crt-list {list}", "{b}\n{a} c.example\n{c}\n"),
    "one name with keys on two curves": (
        "crt-list {list}",
        "{a}\n{c} c.example\n{d} [ciphers ECDHE-ECDSA-AES256-SHA384] c.example\n",
    ),
    "a wildcard of another key": (
        "crt-list {list}",
        "{a}\n{b} w.example\n{a} x.w.example\n{c} [ciphers ECDHE-ECDSA-AES256-SHA384] *.w.example\n",
    ),
    "the same again": ("crt-list {list}", "{c}\n{b}\n{b} [ciphers AES256-SHA256] b.example\n"),
    "strict": ("strict-sni crt-list {list}", "{a}\n{c}\n"),
}
TEXT = """global
    ssl-default-bind-ciphers ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:AES128-SHA
frontend www
    mode http
    bind 127.0.0.1:{port} ssl {bind}
"""


def _certificate(folder: Path, name: str, names: tuple[str, ...], kind: tuple[str, ...]) -> Path:
    key, card, both = (folder / f"{name}.{end}" for end in ("key", "crt", "pem"))
    first, *others = names
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", *kind, "-subj", f"/CN={first}"]
    command += ["-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in others)] if others else []
    command += ["-keyout", str(key), "-out", str(card)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    both.write_text(card.read_text() + key.read_text())
    key.unlink()
    card.unlink()
    return both


def _made(folder: Path) -> dict[str, str]:
    rsa, curve = ("rsa:2048",), ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    other = ("ec", "-pkeyopt", "ec_paramgen_curve:P-384")
    return {
        "a": str(_certificate(folder, "a", ("a.example",), rsa)),
        "b": str(_certificate(folder, "b", ("cn-b.example", "b.example", "*.w.example"), rsa)),
        "c": str(_certificate(folder, "c", ("c.example", "c.example"), curve)),
        "d": str(_certificate(folder, "d", ("c.example",), other)),
        "list": str(folder / "certificates.list"),
    }


def _suites(offer: Offer) -> dict[str, set[str]]:
    return {p.name: {s.value for s in p.suites} for p in offer.protocols}


def _for(read: list[Offer], port: int, name: str | None) -> dict[str, set[str]]:
    """Return what is read for a name: its own offers, of a wildcard's, or the default's."""
    by_name: dict[str, list[Offer]] = {}
    for offer in read:
        for subject in (offer.subject, *offer.also):
            by_name.setdefault(subject.rpartition("#")[2], []).append(offer)
    wild = f"*.{(name or '').partition('.')[2]}"
    found = by_name.get(f"{name}:{port}") or by_name.get(f"{wild}:{port}") or by_name.get(f"www:{port}") or []
    together: dict[str, set[str]] = {}
    for offer in found:
        for version, suites in _suites(offer).items():
            together.setdefault(version, set()).update(suites)
    return together


@pytest.mark.parametrize("case", LISTS)
def test_each_name_is_answered_as_it_is_read(tmp_path: Path, case: str) -> None:
    servers.needed("haproxy")
    made, port = _made(tmp_path), free_port()
    bind, rows = (text.format(**made) for text in LISTS[case])
    Path(made["list"]).write_text(rows)
    main = tmp_path / "haproxy.cfg"
    main.write_text(TEXT.format(port=port, bind=bind))
    read = audit.read(main, find("haproxy"), version="3.0.11-debian13")
    told = {name: _for(read, port, name) for name in NAMES}
    seen = {}
    with servers.running("haproxy", main, port):
        for name in NAMES:
            (offer,) = scans.offers([f"127.0.0.1:{port}"], scans.ScanSettings(full=True, sni=name))
            refused = any("every hello" in doubt for doubt in offer.inconclusive)
            seen[name] = {} if refused else _suites(offer)
    assert told == seen


def test_a_folder_of_certificates_is_one_answer_for_each(tmp_path: Path) -> None:
    made = _made(tmp_path)
    main = tmp_path / "haproxy.cfg"
    (tmp_path / "certificates").mkdir()
    for name in ("a", "c"):
        Path(made[name]).rename(tmp_path / "certificates" / f"{name}.pem")
    main.write_text(TEXT.format(port=443, bind=f"crt {tmp_path}/certificates"))
    read = audit.read(main, find("haproxy"), version="3.0.11-debian13")
    assert {o.subject.rpartition("#")[2] for o in read} == {"www:443", "c.example:443"}


def test_without_the_certificates_all_are_taken_together(tmp_path: Path) -> None:
    main = tmp_path / "haproxy.cfg"
    main.write_text(TEXT.format(port=443, bind="crt /nowhere/a.pem crt /nowhere/b.pem"))
    (read,) = audit.read(main, find("haproxy"), version="3.0.11-debian13")
    assert read.subject.endswith("#www:443")
    assert "certificates of every kind, for none could be read" in read.assumptions
