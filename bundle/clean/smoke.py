"""The user's own test of a cleaned bundle: a command that runs on the result before the result has its name."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hardening.errors import RolledBackError, UsageError


@dataclass(frozen=True, slots=True)
class Smoke:
    """A command, how many seconds it may take, and the name the result gets when it passes.

    `{}` in a word of the command is the result's path; without one the path comes last. No shell reads the command.
    What it prints goes to standard error. It runs with this process's rights: the bundle's programs too, if it
    starts them.
    """

    command: str
    seconds: float
    out: Path

    def __call__(self, made: Path) -> None:
        """Run it on `made`. Errors: UsageError (no such program), RolledBackError (it failed or took too long)."""
        words = self._words(made)
        hint = f"{self.out} was not written; clean without --check-command to look at the result"
        try:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), start_new_session=True
            )
        except OSError as problem:
            raise UsageError(
                f"cannot run {words[0]}: {problem.strerror}", hint="give the whole path of a program"
            ) from problem
        try:
            code = process.wait(self.seconds)
        except subprocess.TimeoutExpired as late:
            raise RolledBackError(
                f"the check command took longer than {self.seconds:g} seconds", hint=hint
            ) from late
        finally:
            _end(process)
        if code:
            how = f"ended with signal {-code}" if code < 0 else f"ended with {code}"
            raise RolledBackError(f"the check command {how}", hint=hint)

    def _words(self, made: Path) -> list[str]:
        try:
            words = shlex.split(self.command)
        except ValueError as problem:
            raise UsageError(f"--check-command: {problem}", hint="quote it as for a shell") from problem
        if not words:
            raise UsageError("--check-command is empty", hint="give a program and its arguments")
        path = str(made.resolve())
        return [w.replace("{}", path) for w in words] if any("{}" in w for w in words) else [*words, path]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what the command left running."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
    finally:
        process.wait()
