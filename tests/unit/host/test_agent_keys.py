"""What the agent does with private keys: it places them from the host itself, and never says what is in them."""

from __future__ import annotations

import json
from dataclasses import replace

from hardening.host.plans.plan import File
from tests.support.host.little import Little, digest

KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQ\n-----END PRIVATE KEY-----\n"
CARD = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUMjd\n-----END CERTIFICATE-----\n"


def test_a_key_is_placed_from_the_host_and_said_nowhere(aged: Little) -> None:
    waiting, place = aged.root / "waiting.pem", aged.etc / "key.pem"
    waiting.write_text(KEY)
    place.write_text("the old key, nobody else's business\n")
    before = digest(aged.etc)
    plan = replace(
        aged.plan(), files=(File(path=str(place), source=str(waiting), content=CARD.encode(), mode="0600"),)
    )
    predicted, done = aged.ask("check", plan), aged.ask("apply", plan)
    assert (predicted["state"], done["state"]) == ("would-change", "committed")
    assert predicted["files"] == done["files"]
    assert place.read_text() == KEY + CARD
    assert place.stat().st_mode & 0o777 == 0o600
    journal = b"".join(p.read_bytes() for p in aged.state.rglob("*") if p.name in ("journal", "manifest"))
    told = json.dumps([predicted, done]) + journal.decode()
    assert "MIIEvAIBADANBgkqhki" not in told
    assert "nobody else" not in told
    assert aged.ask("apply", plan)["state"] == "unchanged"
    assert aged.ask("rollback")["state"] == "committed"
    assert digest(aged.etc) == before


def test_a_key_that_is_not_there_is_refused(little: Little) -> None:
    plan = replace(little.plan(), files=(File(path=str(little.etc / "key.pem"), source="@state/none.pem"),))
    refused = little.ask("apply", plan)
    assert (refused["state"], refused["changed"]) == ("refused", False)
    assert "none.pem" in refused["msg"]


def test_of_a_certificate_file_only_the_certificates_leave_the_host(little: Little) -> None:
    both, link = little.etc / "both.pem", little.etc / "link.pem"
    both.write_text(KEY + CARD + CARD)
    link.symlink_to(both)
    said = little.ask("facts", certificates=[str(both), str(link), str(little.etc / "none.pem")])
    first, second, third = said["certificates"]
    assert (first["pem"], first["key"], first["link"]) == (CARD + CARD, True, False)
    assert "sha256" not in first
    assert second["link"]
    assert third["pem"] == ""
    assert "PRIVATE" not in json.dumps(said)
