"""PDF files and workbooks for tests, as small as their readers allow."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path


def pdf(*pages: bytes, others: bytes = b"", packed: bool = True) -> bytes:
    """Return a PDF with one page for each content stream; `others` are objects from number 100 on."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * n) for n in range(len(pages)))
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [" + kids + b"] /Count %d >>" % len(pages),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, content in enumerate(pages):
        data = zlib.compress(content) if packed else content
        about = b" /Filter /FlateDecode" if packed else b""
        bodies += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>"
            % (5 + 2 * number),
            b"<< /Length %d%s >>\nstream\n" % (len(data), about) + data + b"\nendstream",
        ]
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(bodies, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    out += others
    table = b"".join(b"%010d 00000 n \n" % at for at in places)
    end = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1) + table
    return bytes(out) + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(bodies) + 1,
        end,
    )


def text(words: bytes) -> bytes:
    """Return the content stream of a page that shows these words."""
    return b"BT /F1 12 Tf 72 720 Td (" + words + b") Tj ET"


_OF = "http://schemas.openxmlformats.org"
_MAIN = f"{_OF}/spreadsheetml/2006/main"
_TYPES = (
    f'<Types xmlns="{_OF}/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/>'
    f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)


def _relation(kind: str, target: str) -> str:
    about = f'Id="rId1" Type="{_OF}/officeDocument/2006/relationships/{kind}" Target="{target}"'
    return f'<Relationships xmlns="{_OF}/package/2006/relationships"><Relationship {about}/></Relationships>'


def xlsx(path: Path, rows: str, shared: str = "") -> Path:
    """Write a workbook of one sheet: `rows` and `shared` are the XML inside `sheetData` and `sst`."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", _TYPES)
        book.writestr("_rels/.rels", _relation("officeDocument", "xl/workbook.xml"))
        book.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_OF}/officeDocument/2006/relationships">'
            '<sheets><sheet name="Accounts" sheetId="1" r:id="rId1"/></sheets></workbook>',
        )
        book.writestr("xl/_rels/workbook.xml.rels", _relation("worksheet", "worksheets/sheet1.xml"))
        if shared:
            book.writestr("xl/sharedStrings.xml", f'<sst xmlns="{_MAIN}">{shared}</sst>')
        book.writestr(
            "xl/worksheets/sheet1.xml",
            f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>',
        )
    path.write_bytes(made.getvalue())
    return path
