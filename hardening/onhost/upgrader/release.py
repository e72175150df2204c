"""The release that the product's own file names."""

import re

from hardening.onhost.shared.files import read
from hardening.onhost.shared.texts import shown


def bare(release):
    """Return a release without the `v` that some files write before its number."""
    return re.sub("^[vV](?=[0-9])", "", release)


def version_of(host, recipe):
    """Return the release that the product's own file names, without a `v` before it, or an empty text."""
    place = recipe.get("version")
    if not place:
        return ""
    try:
        found = re.search(place["regex"], shown(read(host.place(place["path"]))), re.M)
    except (OSError, IOError):
        return ""
    return bare(found.group(1).strip()) if found else ""
