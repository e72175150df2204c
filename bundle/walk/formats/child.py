"""The process that loads a foreign parser: reads one file, writes frames, and may die of it (see `outside`)."""

from __future__ import annotations

import ctypes
import json
import locale
import os
import resource
import struct
import sys
from typing import Any

_FRAME = struct.Struct("<cI")
_BLOCK = 64 << 10
_SPACE = 1 << 30
_KINDS = {
    0o100000: "file", 0o040000: "directory", 0o120000: "symlink", 0o020000: "device", 0o060000: "device",
    0o010000: "fifo", 0o140000: "socket",
}  # fmt: skip


def main() -> None:
    """Read the request from the command line and the passwords from standard input, and serve it."""
    request: dict[str, Any] = json.loads(sys.argv[1])
    passwords = [bytes.fromhex(word) for word in json.loads(sys.stdin.buffer.read() or b"[]")]
    locale.setlocale(locale.LC_ALL, "C.UTF-8")  # without it libarchive refuses names that are not ASCII
    space = _SPACE + int(request["window"])
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    seconds = int(request["seconds"])
    # First SIGXCPU, which tells the parent why; SIGKILL a second later.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    if request["format"] in ("pdf", "workbook"):
        _read(request)
    else:
        from libarchive import ffi  # type: ignore[import-untyped]  # it ships no types

        _serve(ffi, request, passwords)
    sys.stdout.buffer.flush()
    os._exit(0)


def _say(mark: bytes, body: bytes) -> None:
    sys.stdout.buffer.write(_FRAME.pack(mark, len(body)))
    sys.stdout.buffer.write(body)


def _tell(mark: bytes, **words: Any) -> None:
    _say(mark, json.dumps(words).encode())


def _read(request: dict[str, Any]) -> None:
    """Send the text of a PDF as one member, or each sheet of a workbook as one."""
    from bundle.walk.formats import documents

    place = int(request["fd"]), int(request["start"]), int(request["size"])
    left = documents.MOST
    try:
        for lines in [documents.pages(*place)] if request["format"] == "pdf" else documents.sheets(*place):
            _tell(b"H", name="")
            try:
                for line in lines:
                    for at in range(0, len(line), _BLOCK):
                        _say(b"D", line[at : at + _BLOCK])
                    if request["format"] == "pdf":
                        sys.stdout.buffer.flush()  # the next page may be the last that this process reads
                    left -= len(line)
                    if left < 0:
                        raise documents.DocumentRefusedError("limit-member", documents.LONGER)
            finally:
                _tell(b"M")
    except documents.DocumentRefusedError as problem:
        _tell(b"E", reason=problem.args[0], message=problem.args[1])
        return
    _tell(b"E")


def _serve(ffi: Any, request: dict[str, Any], passwords: list[bytes]) -> None:
    fd, start, size = int(request["fd"]), int(request["start"]), int(request["size"])
    archive = ffi.read_new()
    for word in passwords:
        ffi.read_add_passphrase(archive, word)
    ffi.get_read_filter_function(request["filter"])(archive)
    if request["format"] == "rar":
        ffi.ffi("read_support_format_rar5", [ctypes.c_void_p], ctypes.c_int, ffi.check_int)(archive)
    if request["filter"] != "none":
        ffi.get_read_filter_function("none")(archive)
    ffi.get_read_format_function(request["format"])(archive)
    buffer = ctypes.create_string_buffer(_BLOCK)
    at = 0

    def read(_archive: Any, _context: Any, place: Any) -> int:
        nonlocal at
        block = os.pread(fd, max(0, min(_BLOCK, size - at)), start + at)
        ctypes.memmove(buffer, block, len(block))
        at += len(block)
        ctypes.cast(place, ctypes.POINTER(ctypes.c_void_p))[0] = ctypes.addressof(buffer)
        return len(block)

    def seek(_archive: Any, _context: Any, offset: int, whence: int) -> int:
        nonlocal at
        at = max(0, min(size, offset + (0, at, size)[whence]))
        return at

    keep = (ffi.READ_CALLBACK(read), ffi.SEEK_CALLBACK(seek))
    ffi.read_set_seek_callback(archive, keep[1])
    entry = ffi.entry_new()
    try:
        ffi.read_open(archive, None, ffi.NO_OPEN_CB, keep[0], ffi.NO_CLOSE_CB)
        while ffi.read_next_header2(archive, entry) != ffi.ARCHIVE_EOF:
            _one(ffi, archive, entry)
    except ffi.ArchiveError as problem:
        _tell(b"E", **_reason(problem.msg))
        return
    _tell(b"E")


def _one(ffi: Any, archive: Any, entry: Any) -> None:
    kind = _KINDS.get(ffi.entry_filetype(entry) & 0o170000, "file")
    name = ffi.entry_pathname(entry)
    if name is None:
        wide = ffi.entry_pathname_w(entry)
        name = wide.encode("utf-8", "surrogateescape") if wide else b"<no name>"
    hard = ffi.entry_hardlink(entry)
    link = hard or ffi.entry_symlink(entry) or b""
    owner, group = ffi.entry_uname(entry), ffi.entry_gname(entry)
    _tell(
        b"H", name=_text(name), kind="hardlink" if hard else kind,
        size=ffi.entry_size(entry) if ffi.entry_size_is_set(entry) and not hard else None,
        mode=ffi.entry_perm(entry) & 0o7777, uid=ffi.entry_uid(entry), gid=ffi.entry_gid(entry),
        owner=_text(owner or b""), group=_text(group or b""),
        mtime=float(ffi.entry_mtime(entry)) if ffi.entry_mtime_is_set(entry) else None, link=_text(link),
    )  # fmt: skip
    block, length, offset = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_longlong()
    places = [ctypes.byref(one) for one in (block, length, offset)]
    warned = ""
    try:
        while (code := ffi.read_data_block(archive, *places)) != ffi.ARCHIVE_EOF:
            if code == ffi.ARCHIVE_WARN:  # the data is here, and its sum does not fit
                warned = _text(ffi.error_string(archive) or b"")
            done = 0
            while done < length.value:
                piece = min(_BLOCK, length.value - done)
                _say(b"D", ctypes.string_at((block.value or 0) + done, piece))
                done += piece
    except ffi.ArchiveError as problem:
        _tell(b"M", **_reason(problem.msg))
        if problem.retcode == ffi.ARCHIVE_FATAL:
            raise
        return
    _tell(b"M", **(_reason(warned) if warned else {}))


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _reason(message: Any) -> dict[str, str]:
    text = str(message or "the archive cannot be read")  # its other words hold an address in memory
    low = text.lower()
    if "passphrase" in low or "encrypt" in low or "password" in low:
        reason = "encrypted"
    elif "truncated" in low or "end of file" in low:
        reason = "truncated"
    elif "memory" in low:
        reason = "limit-window"
    elif "crc" in low or "checksum" in low:
        reason = "checksum"
    elif "support" in low or "unknown codec" in low:
        reason = "unsupported"
    else:
        reason = "corrupt"
    return {"reason": reason, "message": f"libarchive: {text[:200]}"}
