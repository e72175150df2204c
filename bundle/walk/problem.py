"""What the walker could not examine, and what it saw that no honest bundle holds."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from hardening.errors import ArchiveError
from hardening.findings import NESTING, Finding, InFile, Rule, Severity


class Broken(ArchiveError):  # noqa: N818 - a word of this package, never shown to a user by its name
    """Reading cannot go on; `reason` is one of the words in `RULES`, `rest` what lies behind."""

    def __init__(self, reason: str, message: str, rest: Iterator[bytes] | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.rest = rest


class Stop(Exception):  # noqa: N818 - not an error: the walk ends here, or that of one file on disk
    """A limit was reached, and the problem that says so was said; `reason` is its word in `RULES`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


PARSING = (ArithmeticError, LookupError, ValueError, struct.error, MemoryError, OSError, EOFError)
"""What damaged numbers make parsers raise beside their own words."""

_MACHINE = frozenset(
    (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EACCES, errno.EPERM, errno.ENXIO, errno.EMFILE, errno.ENFILE,
     errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOLCK, errno.ENOTCONN)
)  # fmt: skip
"""What a disk, a mount or a limit of this machine says; the bundle may be sound. Not EINVAL: damaged numbers make it."""


def ended(fault: Exception, what: str) -> Broken:
    """Say of one of `PARSING` whether the archive is damaged or this machine cannot read it."""
    if isinstance(fault, OSError) and fault.errno in _MACHINE:
        return Broken("unreadable", f"{what}: this machine says: {fault.strerror}")
    return Broken("corrupt", f"{what}: {type(fault).__name__}")


PARTIAL = frozenset(
    {
        "truncated", "corrupt", "checksum", "encrypted", "unsupported", "unreadable", "crashed", "library-missing",
        "limit-depth", "limit-total", "limit-member", "limit-members", "limit-time", "limit-spill", "limit-window",
        "limit-work", "bomb", "quine", "detector-failed",
    }
)  # fmt: skip
"""Reasons after which something was left unexamined."""

ON_PURPOSE = frozenset({"encrypted"} | {reason for reason in PARTIAL if reason.startswith("limit-")})
"""Reasons for which a sound archive was not read on: part of it was seen, if only that it is one."""

PLACE_DEPENDENT = frozenset(
    {"encrypted", "unreadable", "crashed", "library-missing", "quine", "bomb"}
    | {reason for reason in PARTIAL if reason.startswith("limit-")}
)
"""Reasons that depend on where, when or how the content was met: what they touch is not remembered by its hash."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing about a member or container; `reason` is the word after `walk/` in the rule's id."""

    reason: str
    parts: tuple[str, ...]
    message: str
    not_examined: int = 0
    """Bytes of content that are known to exist and were not handed to the detectors."""

    @property
    def path(self) -> str:
        """The nesting written with `!/`."""
        return NESTING.join(self.parts)

    @property
    def partial(self) -> bool:
        """Whether something was left unexamined."""
        return self.reason in PARTIAL

    @property
    def rule(self) -> Rule:
        """The rule this problem is a finding of."""
        return RULES[self.reason]

    @property
    def location(self) -> InFile:
        """The place of the finding."""
        return InFile(self.parts)

    def finding(self, subject: str) -> Finding:
        """Return it as a finding of a subject."""
        message = f"{self.parts[-1] if self.parts else subject} {self.message}"
        if self.not_examined:
            message += f"; {self.not_examined} bytes not examined"
        return Finding(rule=self.rule, subject=subject, location=self.location, message=message)


STOPPING = ("limit-time", "limit-total", "limit-members", "limit-depth")
"""Limits that stop a walk, the widest first: they are said before every other reason."""


def _rule(reason: str, severity: Severity, title: str, rationale: str, remedy: str) -> Rule:
    return Rule(
        id=f"walk/{reason}", title=title, severity=severity, rationale=rationale, remedy=remedy, unseen=reason in PARTIAL,
    )  # fmt: skip


_INFO, _LOW, _MEDIUM, _HIGH = Severity.INFO, Severity.LOW, Severity.MEDIUM, Severity.HIGH
_UNSEEN = "A part that was not read may hold anything. What to do for each reason: `harden docs incomplete`."
_RAISE = (
    "set a higher limit with this option and audit again, or ask the vendor for a bundle within the limit."
)
_HOSTILE = "No normal build makes this. It is a known attack on programs that unpack or scan archives."
_REBUILD = "Do not install the bundle. Get it again from the vendor, and compare its checksum."

RULES: dict[str, Rule] = {
    rule.id.removeprefix("walk/"): rule
    for rule in (
        _rule("truncated", _INFO, "Archive ends too early", _UNSEEN, "Get the bundle again, and compare its size."),
        _rule("corrupt", _INFO, "Archive is damaged", _UNSEEN, "Get the bundle again, and compare its checksum."),
        _rule("checksum", _INFO, "Content does not match its checksum", _UNSEEN, "Get the bundle again."),
        _rule("encrypted", _INFO, "Encrypted member was not examined", _UNSEEN,
              "Give the password of a zip: `harden bundle audit BUNDLE --password-file FILE`. Ask the vendor to ship other formats unencrypted."),
        _rule("unsupported", _INFO, "Format or method cannot be read", _UNSEEN, "Unpack the file with its own program and audit the folder: `harden bundle audit FOLDER`."),
        _rule("nothing", _INFO, "Nothing to examine", _UNSEEN,
              "Check that this is the right file, and that the whole file was copied."),
        _rule("unreadable", _INFO, "Cannot be read from disk", _UNSEEN,
              "Run the audit as an account that can read the file, and check the disk and the mount."),
        _rule("crashed", _INFO, "The parser of this archive ended abnormally", _UNSEEN,
              "Treat the archive as hostile until somebody has examined it by hand."),
        _rule("detector-failed", _INFO, "A check failed on this member", _UNSEEN, "This is a defect of harden: report it (SECURITY.md says how to report a weakness)."),
        _rule("library-missing", _INFO, "libarchive is not installed", _UNSEEN,
              "Install it: apt install libarchive13t64 (Debian 13, Ubuntu 24.04), libarchive13 (older), or dnf install libarchive."),
        _rule("limit-depth", _MEDIUM, "Nested deeper than the limit", _UNSEEN, f"--max-depth: {_RAISE}"),
        _rule("limit-total", _MEDIUM, "More content than the limit", _UNSEEN, f"--max-total: {_RAISE}"),
        _rule("limit-member", _INFO, "Member larger than the limit", _UNSEEN, f"--max-member: {_RAISE}"),
        _rule("limit-members", _MEDIUM, "More members than the limit", _UNSEEN, f"--max-members: {_RAISE}"),
        _rule("limit-time", _MEDIUM, "Time limit reached", _UNSEEN, f"--max-seconds: {_RAISE}"),
        _rule("limit-spill", _INFO, "Temporary file cannot grow", _UNSEEN,
              "If the disk is full, free space, or set TMPDIR to another disk. If the limit is reached, "
              f"--max-spill: {_RAISE}"),
        _rule("limit-window", _INFO, "Unpacking needs more memory than the limit", _UNSEEN, f"--max-window: {_RAISE}"),
        _rule("limit-work", _INFO, "Too many possible credentials in one member", _UNSEEN,
              "Look at the listed ones first. To examine the rest, split the file and audit its parts."),
        _rule("limit-repeats", _INFO, "Found at more places than are listed",
              "Very many equal archives are listed once.", "Look at the place that is listed."),
        _rule("bomb", _HIGH, "Decompression bomb", _HOSTILE, _REBUILD),
        _rule("quine", _HIGH, "Archive that contains itself", _HOSTILE, _REBUILD),
        _rule("traversal", _HIGH, "Member name leaves the target folder", _HOSTILE, _REBUILD),
        _rule("through-link", _HIGH, "Member is written through a link of the same archive", _HOSTILE, _REBUILD),
        _rule("link-escape", _HIGH, "Link leaves the target folder", _HOSTILE, _REBUILD),
        _rule("link-unsettled", _MEDIUM, "The target of a link is not certain",
              "The target depends on the unpacker, or on other files of the disk. It may be outside the target folder.",
              "Rebuild the archive with a link that names its file directly. Hosts refuse to unpack this one."),
        _rule("two-readings", _HIGH, "Unpackers disagree about what is inside",
              "What one program examines is not what another installs.", _REBUILD),
        _rule("hidden-member", _HIGH, "Member that the archive's directory does not list",
              "Some unpackers install it and most scanners never see it.", _REBUILD),
        _rule("overlap", _HIGH, "Zip entries overlap", _HOSTILE, _REBUILD),
        _rule("duplicate-name", _HIGH, "Same name twice with different content",
              "Unpackers keep the first or the last; both were examined.", "Rebuild the archive with one of them."),
        _rule("makeself-header", _HIGH, "Self-extractor's script was changed",
              "makeself's own checksum and signature do not cover the script that runs as root.", _REBUILD),
        _rule("makeself-unknown", _INFO, "Self-extractor's script cannot be compared",
              "makeself's own checksum and signature do not cover the script that runs as root.",
              "Read the script in front of the archive, or have the installer built with a released makeself."),
        _rule("absolute-name", _MEDIUM, "Member has an absolute name",
              "Some unpackers write it outside the target folder.", "Rebuild the archive with relative names."),
        _rule("odd-name", _LOW, "Member name with control or undecodable characters",
              "Such names hide what they are in listings and logs.", "Rename the member."),
        _rule("special-file", _LOW, "Device, pipe or socket in an archive",
              "Unpackers that run as root create it.", "Create it at install time instead, or leave it out."),
        _rule("trailing-data", _LOW, "Data outside every member of an archive",
              "Installers ignore it; it was examined as a member of its own.", "Rebuild the archive without it."),
    )
}  # fmt: skip
"""Every rule the walker knows, by its reason."""


def unseen(subject: str, word: str, reason: str, remedy: str = "") -> Finding:
    """Return what is said of an input as a whole that was not examined, or not to its end; `word` is a rule's."""
    at = InFile((subject,))
    return Finding(
        rule=RULES[word], subject=subject, location=at, message=f"not examined: {reason}", remedy=remedy
    )
