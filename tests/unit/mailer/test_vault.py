"""Settings in an Ansible vault: what was closed opens by its password alone, and whatever else stands there is one clear error."""

from __future__ import annotations

import pytest

from hardening.errors import RefusedError
from hardening.mailer.secret import Secret
from hardening.mailer.vault import closed, is_vault, opened

WORD = Secret("open" + "sesame")


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 4000])
def test_what_was_closed_is_what_opens(size: int) -> None:
    made = closed(b"t" * size, WORD)
    assert opened(made, WORD, source="x") == b"t" * size
    assert is_vault(made)
    assert made.endswith(b"\n")
    head, *lines = made.splitlines()
    assert head == b"$ANSIBLE_VAULT;1.1;AES256"
    assert {len(line) for line in lines[:-1]} <= {80}
    assert 0 < len(lines[-1]) <= 80


def test_the_same_document_is_another_vault_each_time() -> None:
    assert closed(b"text", WORD) != closed(b"text", WORD)


def test_a_vault_with_the_name_of_its_password_opens_too() -> None:
    made = closed(b"text", WORD).replace(b";1.1;AES256\n", b";1.2;AES256;site-7\n", 1)
    assert opened(made, WORD, source="x") == b"text"


def test_another_password_and_a_changed_byte_are_told_from_damage() -> None:
    made = closed(b"text" * 40, WORD)
    with pytest.raises(RefusedError, match=r"^x: the vault password does not open it$"):
        opened(made, Secret("another"), source="x")
    last = made[-2:-1]
    with pytest.raises(RefusedError, match="does not open it"):
        opened(made[:-2] + (b"1" if last != b"1" else b"2") + b"\n", WORD, source="x")  # hexadecimal yet


@pytest.mark.parametrize("body", [b"", b"zz", b"6", b"61", b"610a6z"])
def test_what_is_no_vaults_text_is_damage(body: bytes) -> None:
    with pytest.raises(RefusedError, match=r"^x: the vault is damaged$"):
        opened(b"$ANSIBLE_VAULT;1.1;AES256\n" + body + b"\n", WORD, source="x")
