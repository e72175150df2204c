"""Folders held open, so that nobody can put a link in their place."""

import os
import sys

from hardening.onhost.shared.texts import native

O_PATH = getattr(os, "O_PATH", 0o10000000)  # kernels before 2.6.39 pass over it


class Held(object):
    """A folder held open, reached without a link: whoever may write in it, or above it, cannot lead us elsewhere.

    Every call looks a path up again, and the product's own account may put a link into it in between.
    """

    def __init__(self, path, below=()):
        """`path` is taken to the end of its links once; of the names in `below` none may be one."""
        self.path = os.path.join(path, *below)
        self.descriptor = None
        if not os.path.isdir("/proc/self/fd"):
            return
        parts = [part for part in os.path.realpath(path).split("/") if part]
        self.descriptor = os.open("/", os.O_RDONLY | O_PATH | os.O_DIRECTORY)
        for part in parts + list(below):
            above = self.descriptor
            try:
                self.descriptor = os.open(
                    self.at(part), os.O_RDONLY | O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
                )
            except (OSError, IOError):
                sys.exc_info()[1].filename = self.path
                raise
            finally:
                os.close(above)

    def at(self, name):
        """Return a path of what has this name in it."""
        return os.path.join(
            self.path if self.descriptor is None else "/proc/self/fd/%d" % self.descriptor, name
        )

    def __enter__(self):
        return self

    def __exit__(self, kind, problem, trace):
        """Close it; a problem names the path that people know."""
        name = getattr(problem, "filename", None)
        if self.descriptor is not None and name and native(name).startswith(self.at("")):
            problem.filename = os.path.join(self.path, native(name)[len(self.at("")) :])
        if self.descriptor is not None:
            os.close(self.descriptor)
