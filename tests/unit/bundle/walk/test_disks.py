"""Images of whole disks, with the tables that sfdisk and sgdisk write."""

from __future__ import annotations

from bundle.walk.formats.disks import is_disk


def test_no_other_boot_sector_is_a_disk() -> None:
    sector = bytearray(4096)
    sector[510:512] = b"\x55\xaa"
    assert not is_disk(bytes(sector), 1 << 30)  # no partition at all
    sector[446:462] = b"\x80\0\0\0\x83\0\0\0" + (2048).to_bytes(4, "little") + (99).to_bytes(4, "little")
    assert is_disk(bytes(sector), 1 << 30)
    assert not is_disk(bytes(sector), 4096)  # it would begin behind the end
    sector[462] = 7
    assert not is_disk(bytes(sector), 1 << 30)  # a row that is none
