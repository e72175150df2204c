"""The host's own keys have the last word: what they do not stand for is refused, and nothing there changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bundle.trust import keys
from bundle.trust.digest import digest
from bundle.trust.verify import signature_of
from hardening.errors import ExitCode
from hardening.upgrade import upgrade_report
from hardening.upgrade.admission import AdmittedUpgrade
from tests.support.upgrade.standin import Signer, Site, job, whole_run


def given(site: Site, *public: Path, threshold: str = "") -> Path:
    """Put keys on the host, as the role does."""
    folder = site.root / "etc/aspect-hardening/trust"
    folder.mkdir(parents=True)
    for number, path in enumerate(public):
        (folder / f"{number}.pub").write_bytes(path.read_bytes())
    if threshold:
        (folder / "threshold").write_text(threshold)
    return folder


def signed(path: Path, site: Site, **changes: Any) -> AdmittedUpgrade:
    return replace(job(path, site), signature=str(signature_of(path)), **changes)


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    keys.write(keys.generate(), tmp_path / "stranger", passphrase=None)
    return tmp_path / "stranger.pub"


def test_a_host_installs_what_its_own_keys_stand_for(site: Site, signer: Signer, stranger: Path) -> None:
    given(site, stranger, signer.public_file)
    before = site.declared()
    bundle = signer.bundle()
    assert whole_run(site, bundle, job=signed(bundle, site))["state"] == "committed"
    assert site.whole(before) == "new"
    assert list((site.root / site.state.lstrip("/")).rglob("signature")) == []


def test_a_python_that_gets_it_streamed_verifies_too(site: Site, signer: Signer, stranger: Path) -> None:
    site.quick = None
    given(site, stranger)
    bundle = signer.bundle()
    found = whole_run(site, bundle, job=signed(bundle, site))
    assert found["state"] == "refused", found


Spoil = Callable[[Site, Signer, Path], AdmittedUpgrade]


def wrong_key(site: Site, signer: Signer, stranger: Path) -> AdmittedUpgrade:
    given(site, stranger)
    return signed(signer.bundle(), site)


def no_key(site: Site, signer: Signer, _stranger: Path) -> AdmittedUpgrade:
    given(site)
    return signed(signer.bundle(), site)


def no_signature(site: Site, signer: Signer, _stranger: Path) -> AdmittedUpgrade:
    given(site, signer.public_file)
    return job(signer.bundle(), site)


def one_of_two(site: Site, signer: Signer, stranger: Path) -> AdmittedUpgrade:
    given(site, signer.public_file, stranger, threshold="2")
    return signed(signer.bundle(), site)


def bad_threshold(site: Site, signer: Signer, _stranger: Path) -> AdmittedUpgrade:
    given(site, signer.public_file, threshold="none")
    return signed(signer.bundle(), site)


def other_content(site: Site, signer: Signer, _stranger: Path) -> AdmittedUpgrade:
    """A control machine that lies: it sends another bundle and says that its digest is right."""
    given(site, signer.public_file)
    path = site.root.parent / "other.tar.gz"
    path.write_bytes(signer.bundle("unknown-log").read_bytes())
    good = signed(signer.bundle(), site)
    sha256, size = digest(path)
    return replace(good, bundle=str(path), sha256=sha256, size=size)


def other_release(site: Site, signer: Signer, _stranger: Path) -> AdmittedUpgrade:
    given(site, signer.public_file)
    return signed(signer.bundle(), site, release="9.9")


def damaged_key(site: Site, signer: Signer, _stranger: Path) -> AdmittedUpgrade:
    (given(site, signer.public_file) / "1.pub").write_text("no key\n")
    return signed(signer.bundle(), site)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (wrong_key, "trusted"),
        (no_key, "no key is trusted"),
        (no_signature, "no signature came with it"),
        (one_of_two, "2"),
        (bad_threshold, "no number above zero"),
        (other_content, ""),
        (other_release, "not '9.9'"),
        (damaged_key, "not a public key"),
    ],
)
def test_a_host_refuses_the_rest_and_nothing_changes(
    site: Site, signer: Signer, stranger: Path, spoil: Spoil, said: str
) -> None:
    wanted = spoil(site, signer, stranger)
    before = site.declared()
    found = whole_run(site, Path(wanted.bundle), job=wanted)
    assert (found["state"], found["failed"], found["changed"]) == ("refused", True, False)
    text = "; ".join(found["problems"])
    assert text.startswith("this host refuses the bundle: ")
    assert said in text
    assert site.whole(before) == "old"
    assert site.upgrades() == []


def test_a_refusal_is_exit_11() -> None:
    told = upgrade_report.HostReport(host="a", state="refused", why=("x",), row={"verdict": "fit"})
    assert ExitCode.REFUSED in upgrade_report.codes([told])
    assert ExitCode.HOSTS_FAILED not in upgrade_report.codes([told])
