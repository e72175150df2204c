"""Rules of the control machine that leave files out."""

import base64
import glob
import os
import re

from hardening.onhost.collect.beginnings import begins_safely, has_source
from hardening.onhost.collect.paths import inside
from hardening.onhost.shared.texts import native, shown


class Rules(object):
    """Rules that leave files out: rows of data from the control machine."""

    def __init__(self, rows, whole):
        self.whole, self.magic, self.paths, self.runtimes = whole, [], [], []
        for row in rows:
            for text in row.get("magic", ()):
                self.magic.append((base64.b16decode(text.upper().encode("ascii")), row["id"]))
            if row.get("marker"):
                self.runtimes.append((row["id"], row["marker"], row.get("text", ""), re.compile(row["path"])))
            elif row.get("path"):
                self.paths.append((row["id"], re.compile(row["path"]), row.get("source", False)))

    def runtime(self, folder, names):
        """Return the rule and pattern of the runtime that lies in a folder, or nothing."""
        for name, marker, text, pattern in self.runtimes:
            if marker.split("/")[0] in names:
                for place in glob.glob(os.path.join(re.sub(r"([*?[])", r"[\1]", folder), native(marker))):
                    if not text or text.encode("ascii") in begins_safely(place):
                        return name, pattern
        return None

    def by_path(self, path, place, runtimes):
        """Return the rule that leaves a file out for where it lies, or nothing."""
        for top, (name, pattern) in runtimes:
            if pattern.search(shown(path[len(top) :].lstrip("/"))):
                return name
        if not inside(path, self.whole):
            for name, pattern, source in self.paths:
                if pattern.search(shown(path)) and (not source or has_source(place)):
                    return name
        return None

    def by_content(self, path, head):
        """Return the rule that leaves a file out for what it begins with, or nothing."""
        if not inside(path, self.whole):
            for magic, name in self.magic:
                if head.startswith(magic):
                    return name
        return None
