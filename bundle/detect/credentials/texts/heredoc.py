"""Text within a script that is fed to a program or written to a file: read as that program's or that file's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from bundle.detect.credentials.judging.values import Strength, is_placeholder, strength
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.texts.textview import View
from bundle.detect.credentials.vocabulary import any_of

GATE = (
    r"(?i)\b(cat|tee|mysql\w{0,8}|mariadb|psql|sqlplus|sqlcmd|isql|ftp|sftp|lftp|chpasswd|passwd|smbpasswd"
    r"|vncpasswd|pdbedit|kinit|cryptsetup|sudo|su|ldapadd|ldapmodify|expect|telnet|ssh|mysql_secure_installation|mariadb-secure-installation|keytool|pppoe-setup|adsl-setup)\b"
    r"[^\n]{0,200}<<-?\s{0,2}[\\]?[\"']?[A-Za-z_!]|(=|\(|return|echo)\s{0,3}<<[<~-]?[\"']?[A-Za-z_]"
    r"|\b(echo|printf)\s[^\n]{0,300}[\"']\s{0,3}(>>?|\|\s{0,3}(sudo\s{1,3})?tee\s)\s{0,3}(-a\s{1,3})?[\"']?[\w./~$]"
)
_OPENED = re.compile(r"""<<[<~-]?\s*\\?(?P<q>["']?)(?P<tag>[A-Za-z_]\w*|!{1,3})(?P=q)[^\n]*\n""")
_WRITTEN = re.compile(r"""(?:>>?\s*|\btee\s+(?:-a\s+|--append\s+)?)["']?(?P<path>[\w./${}~*-]+)["']?""")
_PROGRAM = re.compile(rf"(?i)(?<![${{])(?<!/etc/)\b({any_of('command/asks-for-a-password')})\b")
_ECHOED = re.compile(
    r"""\b(?:echo|printf)\s+(?:-\w+\s+)*(?P<q>["'])(?P<text>[^"'\n]+?)(?:\\n)?(?P=q)\s*(?:>>?|\|\s*(?:sudo\s+)?tee\s)\s*(?:-a\s+)?["']?(?P<path>[\w./${}~-]+)"""
)
"""One line that is written to a file."""
_LINE = re.compile(r"[^\n]+")
_ACCOUNT = re.compile(r"\s*(?P<user>[\w.@-]+):(?P<secret>[^\s:$]\S*)\s*$")
_FTP = re.compile(r"(?i)\s*(?:(?:quote\s+|raw\s+)?pass\s+|user\s+(?P<user>\S+)\s+)(?P<secret>[^\s$\"']+)\s*$")
_LONGEST = 1 << 16
_ANSWERS = frozenset("y n yes no".split())
"""What the same programs ask beside."""
_PROMPTED = frozenset(("passwd", "smbpasswd", "vncpasswd", "kinit", "cryptsetup"))


_TWICE = frozenset(
    ("mysql_secure_installation", "mariadb-secure-installation", "keytool", "pppoe-setup", "adsl-setup")
)
"""Programs that ask for a new password twice, among other things."""
_NAME = re.compile(r"[A-Za-z][\w.-]{1,30}")


@dataclass(frozen=True, slots=True)
class Body:
    """One text in a script: its offsets, the name of the file that it becomes, and the program that reads it."""

    start: int
    end: int
    name: str
    program: str


_A_UNIT = 150
"""Bytes in which the end of a text is looked for within a unit."""


def bodies(view: View, ends: list[int]) -> Iterator[Body]:
    """Yield the texts that begin near the hits."""
    position = 0
    for at in ends:
        start, end = view.window(at, multiline=False)
        if start < position:
            continue
        if view.work.is_spent:
            view.stop(at)
            return
        position = end
        text = view.text(start, min(len(view.data), start + _LONGEST))
        if echoed := _ECHOED.search(text, 0, end - start):
            name = echoed["path"].rsplit("/", 1)[-1]
            yield Body(start + echoed.start("text"), start + echoed.end("text"), name, "")
            continue
        opened = _OPENED.search(text)
        if opened is None or opened.start() > end - start:
            continue
        closed = re.compile(rf"^[ \t]*{opened['tag']}(?!\w)", re.MULTILINE).search(text, opened.end())
        view.work.spend((closed.end() if closed else len(text)) / _A_UNIT)
        if closed is None:
            continue
        command = text[: opened.end()]
        written, program = _WRITTEN.search(command), _PROGRAM.search(command)
        yield Body(
            start + opened.end(),
            start + closed.start(),
            written["path"].rsplit("/", 1)[-1] if written else "",
            program[1].lower() if program and not written else "",
        )


def answers(view: View, body: Body) -> Iterator[Catch]:
    """Yield what a program that asks for passwords is given line by line."""
    if body.program in _TWICE or body.program == "telnet":
        yield from _typed(view, body)
        return
    for line in _LINE.finditer(view.text(body.start, body.end)):
        found = _ACCOUNT.match(line[0]) if body.program == "chpasswd" else None
        if body.program in ("ftp", "sftp", "lftp"):
            found = _FTP.match(line[0])
        if found is not None:
            first, last = found.span("secret")
            user = found["user"] or ""
        elif body.program in _PROMPTED:
            first, last, user = len(line[0]) - len(line[0].lstrip()), len(line[0].rstrip()), ""
        else:
            continue
        start = body.start + line.start() + first
        value = view.value(start, body.start + line.start() + last)
        if (
            is_placeholder(value)
            or " " in value
            or value.lower() in _ANSWERS
            or user.lower() in ("anonymous", "ftp")
        ):
            continue
        yield Catch(start, body.start + line.start() + last, value, key=body.program, user=user)


def _typed(view: View, body: Body) -> Iterator[Catch]:
    """Yield what is typed twice, or behind the account at the beginning of a session."""
    lines = [one for one in _LINE.finditer(view.text(body.start, body.end)) if one[0].strip()]
    for number, (before, line) in enumerate(pairwise(lines)):
        value, above = line[0].strip(), before[0].strip()
        if " " in value or is_placeholder(value) or strength(value) < Strength.COMMON:
            continue
        begins = body.program == "telnet" and number == 0 and bool(_NAME.fullmatch(above)) and value != above
        twice = body.program in _TWICE and value == above
        if begins or twice:
            one = before if twice else line
            start = body.start + one.start() + one[0].index(value)
            yield Catch(start, start + len(value), value, key=body.program, user=above if begins else "")
            return
