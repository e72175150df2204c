"""Text of PDF files and rows of workbooks, read by PDFium and calamine. Runs in the process of `child` alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

MOST = 16 << 20
"""Bytes of text that are taken out of one document."""
LONGER = f"has more than {MOST >> 20} MiB of text: the rest was not read"


class DocumentRefusedError(Exception):
    """A document that its library refuses. Arguments: reason, message."""


def pages(fd: int, start: int, size: int) -> Iterator[bytes]:
    """Yield the text of each page of a PDF. Errors: DocumentRefusedError."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(os.pread(fd, size, start))
    except pypdfium2.PdfiumError as problem:
        if problem.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise DocumentRefusedError(
                "encrypted", "is a PDF that needs a password: its text was not read"
            ) from None
        raise DocumentRefusedError("corrupt", "is a damaged PDF: its text was not read") from None
    broken = 0
    for number in range(len(document)):
        try:
            page = document[number]
            text = page.get_textpage().get_text_range()
            page.close()
        except pypdfium2.PdfiumError:
            broken += 1
            continue
        yield re.sub("[\0\r\ufffe]+", "", text).encode("utf-8", "replace") + b"\n"
    if broken:
        raise DocumentRefusedError(
            "corrupt", f"is a PDF with {broken} damaged pages: their text was not read"
        )


def sheets(fd: int, start: int, size: int) -> Iterator[Iterator[bytes]]:
    """Yield the rows of each sheet of a workbook, cells separated by tabs. Errors: DocumentRefusedError."""
    import io

    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(os.pread(fd, size, start)))
        names = book.sheet_names
        for name in names:
            yield _rows(book.get_sheet_by_name(name))
    except python_calamine.CalamineError:
        names = []
    if not names:
        raise DocumentRefusedError(
            "corrupt", "is a workbook that is damaged or needs a password: its rows were not read"
        )


def _rows(sheet: Any) -> Iterator[bytes]:
    for row in sheet.iter_rows():
        line = "\t".join(map(_cell, row)).rstrip("\t")
        if line:
            yield line.encode("utf-8", "replace") + b"\n"


def _cell(value: Any) -> str:
    return f"{value:.15g}" if isinstance(value, float) else " ".join(str(value).split())
