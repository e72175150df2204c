"""Headers of a mail: read, encoded and dropped, without parsing the mail into something else."""

import base64
import binascii
import re
import time

NOT_ASCII = re.compile(b"[\x80-\xff]")
FREE_TEXT = re.compile("(subject|comments|keywords|x-.*)$")  # headers without addresses


def split_mail(raw):
    """Return [(name in lower case, whole header)] and the body; line ends become CRLF."""
    raw = re.sub(b"\r\n|\r|\n", b"\r\n", raw)
    if raw.startswith(b"\r\n"):  # no header at all
        return [], raw[2:]
    head, _, body = raw.partition(b"\r\n\r\n")
    headers = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and headers:
            headers[-1] = (headers[-1][0], headers[-1][1] + b"\r\n" + line)
        elif b":" in line:
            headers.append((line.split(b":", 1)[0].strip().lower().decode("latin-1"), line))
        else:  # no header at all: everything is body
            return [], raw
    return headers, body


def to_text(data):
    """Return bytes as UTF-8, else as Latin-1: no alarm is lost for the encoding of the program that raises it."""
    try:
        return data.decode("utf-8")
    except UnicodeError:
        return data.decode("latin-1")


def header(headers, name):
    """Return the decoded value of the first header of a name, or an empty text."""
    for found, line in headers:
        if found == name:
            value = re.sub(r"\s+", " ", to_text(line.split(b":", 1)[1])).strip()
            return decode_value(value)
    return ""


def ascii_header(name, line):
    """Return a header whose text a program wrote as it is, as mail has it (RFC 2047); addresses are left alone."""
    if not NOT_ASCII.search(line) or not FREE_TEXT.match(name):
        return line
    before, _, value = line.partition(b":")
    return before + b": " + encode_value(re.sub(r"\s+", " ", to_text(value)).strip()).encode("ascii")


def charset_headers(known, body):
    """Return the headers that say how a text outside ASCII is written, where its program says nothing."""
    if not NOT_ASCII.search(body):
        return []
    if [one for one in ("mime-version", "content-type", "content-transfer-encoding") if one in known]:
        return []
    charset = "utf-8" if to_text(body).encode("utf-8") == body else "iso-8859-1"
    headers = ["MIME-Version: 1.0", "Content-Type: text/plain; charset=%s" % charset]
    return headers + ["Content-Transfer-Encoding: 8bit"]  # noqa: RUF005 - Python 2.6


def decode_value(value):
    """Return a header's value with its encoded words (RFC 2047) as text."""
    if "=?" not in value:
        return value
    try:
        from email.header import decode_header

        parts = []
        for text, charset in decode_header(str(value)):
            parts.append(text.decode(charset or "ascii", "replace") if isinstance(text, bytes) else text)
        return "".join(parts)
    except Exception:
        return value


def encode_value(text):
    """Return a header's value in ASCII."""
    text = re.sub(r"[\r\n\0]+", " ", text)
    try:
        text.encode("ascii")
        return text
    except UnicodeError:
        pieces, chunk = [], ""
        for char in text:
            if len((chunk + char).encode("utf-8")) > 42:
                pieces.append(chunk)
                chunk = ""
            chunk += char
        pieces.append(chunk)
        return "\r\n ".join(
            "=?utf-8?b?%s?=" % base64.b64encode(p.encode("utf-8")).decode("ascii") for p in pieces
        )


def to_header(to):
    """Return the header To, folded: no line may have more than 998 characters, and many recipients have."""
    lines = ["To:"]
    for number, one in enumerate(to, 1):
        one = " " + one + ("," if number < len(to) else "")
        if len(lines[-1]) + len(one) > 78 and lines[-1] != "To:":
            lines.append("")
        lines[-1] += one
    return "\r\n".join(lines)


def break_long_lines(raw):
    """Return a mail without lines of more than 998 bytes, which SMTP does not know: broken as Postfix does, by a blank."""

    def broken(found):
        line, pieces = found.group(0), []
        while len(line) > 997:
            cut = 990
            while cut > 980 and b"\x80" <= line[cut : cut + 1] < b"\xc0":  # within a letter of UTF-8
                cut -= 1
            pieces.append(line[:cut])
            line = line[cut:]
        return b"\r\n ".join(pieces + [line])

    return re.sub(b"[^\r\n]{999,}", broken, raw)


def digest_text(headers, body):
    """Return the text of a mail for a digest, as far as that is easy."""
    kind = header(headers, "content-type").lower()
    how = header(headers, "content-transfer-encoding").lower()
    if kind and not kind.startswith("text/plain"):
        return "(not plain text)"
    try:
        if how == "base64":
            body = base64.b64decode(body)
        elif how == "quoted-printable":
            body = binascii.a2b_qp(body)
    except (ValueError, binascii.Error):
        return "(unreadable)"
    return to_text(body).replace("\r\n", "\n").strip()


def date_header(now):
    """Return a time as the header Date has it."""
    parts = time.gmtime(now)
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return "%s, %02d %s %d %02d:%02d:%02d +0000" % (
        days[parts.tm_wday],
        parts.tm_mday,
        months[parts.tm_mon - 1],
        parts.tm_year,
        parts.tm_hour,
        parts.tm_min,
        parts.tm_sec,
    )


def addresses(value):
    """Return the addresses of a header; what newer Pythons call malformed has some all the same."""
    from email.utils import getaddresses

    try:
        found = getaddresses([value], **{"strict": False})  # noqa: PIE804 - what checks for 2.6 knows the keyword as a new one
    except TypeError:  # before the strict way came
        found = getaddresses([value])
    return [address for _, address in found if "@" in address]
