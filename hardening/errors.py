"""Everything this toolkit raises on purpose, and the exit code each failure means.

HardeningError                 1  a failure with a next step
├── UsageError                 2  the operator asked for something impossible
├── DataError                  2  a shipped or user data file is wrong; names file and key
├── InputError                 2  an input does not exist or may not be read
├── NothingExaminedError       3  there was nothing to look at
├── ProbeError                 4  an endpoint could not be examined
├── ArchiveError               4  a bundle could not be walked
├── PendingError               5  done, but something has to happen before it takes effect
├── RolledBackError            6  failed, and everything is as it was before
├── HostsFailedError           7  failed on some hosts
└── RefusedError              11  a signature, an expiry, a rollback or an unsafe request was refused

The exit codes are the contract of docs/cli.md. Only `hardening.cli` turns an error into an exit.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the process ends with; a script may rely on each number."""

    OK = 0
    BUG = 1
    USAGE = 2
    NOTHING_EXAMINED = 3
    PARTLY_EXAMINED = 4
    PENDING = 5
    ROLLED_BACK = 6
    HOSTS_FAILED = 7
    FINDINGS = 10
    REFUSED = 11
    INTERRUPTED = 130


PRECEDENCE = (
    ExitCode.REFUSED,
    ExitCode.FINDINGS,
    ExitCode.HOSTS_FAILED,
    ExitCode.ROLLED_BACK,
    ExitCode.PARTLY_EXAMINED,
    ExitCode.NOTHING_EXAMINED,
    ExitCode.PENDING,
)
"""When several codes apply, the first of these is the one to exit with."""


def strongest(codes: set[ExitCode]) -> ExitCode:
    """Return the code that wins when several apply (OK when none does); what PRECEDENCE lacks comes last."""
    return next((code for code in PRECEDENCE if code in codes), max(codes, default=ExitCode.OK))


def install_extra(name: str) -> str:
    """Return how an optional part is installed: from the checkout or the wheel, for no public index has this project."""
    return (
        f"in the checkout, run: pip install '.[{name}]'; or name the wheel file that this program came from: "
        f"pip install './aspect_hardening-VERSION-py3-none-any.whl[{name}]'"
    )


class HardeningError(Exception):
    """A failure with a next step; `hint` is printed under the message."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(HardeningError):
    """The operator asked for something impossible: an unknown name, contradictory options."""

    exit_code = ExitCode.USAGE


class DataError(HardeningError):
    """A data file, shipped or the user's, is wrong; the message names file and key."""

    exit_code = ExitCode.USAGE


class InputError(HardeningError):
    """An input does not exist or may not be read."""

    exit_code = ExitCode.USAGE


class NothingExaminedError(HardeningError):
    """Every input was empty, unreadable from its first byte, or of an unknown kind."""

    exit_code = ExitCode.NOTHING_EXAMINED


class ProbeError(HardeningError):
    """An endpoint could not be examined."""

    exit_code = ExitCode.PARTLY_EXAMINED


class ArchiveError(HardeningError):
    """An archive could not be walked safely or in full."""

    exit_code = ExitCode.PARTLY_EXAMINED


class PendingError(HardeningError):
    """Done, but something has to happen before it takes effect: a restart, a queued mail."""

    exit_code = ExitCode.PENDING


class RolledBackError(HardeningError):
    """The change failed and everything is as it was before."""

    exit_code = ExitCode.ROLLED_BACK


class HostsFailedError(HardeningError):
    """The work failed on some hosts, or some were unreachable; the message names each."""

    exit_code = ExitCode.HOSTS_FAILED


class RefusedError(HardeningError):
    """A signature, an expiry, a rollback or an unsafe request was refused."""

    exit_code = ExitCode.REFUSED
