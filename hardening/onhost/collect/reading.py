"""The verb `read`: the content of named files, without keys and hashes."""

import base64
import os
import zlib

from hardening.onhost.collect.hashes import SHADOW, Tried, accounts, without_hashes
from hardening.onhost.collect.keys import without_keys
from hardening.onhost.collect.paths import why
from hardening.onhost.collect.stores import store
from hardening.onhost.shared.files import plain_file
from hardening.onhost.shared.texts import native


def cleared(name, data, tried, words):
    """Return (content that may travel, or None; what was judged)."""
    judged = []
    whole = store(data, words)
    if whole is not None:
        return None, [[whole[0], None, whole[1]]] if whole[0] else []
    if SHADOW.match(name):
        data = accounts(
            data, judged, tried, (2, 3) if name.startswith("smb") else (1,) if "digest" not in name else (2,)
        )
    data = without_keys(data, judged)
    return without_hashes(data, judged, tried), judged


def read(request):
    """Return the content of each named file, or why it does not travel."""
    root, largest = native(request.get("root") or "/").rstrip("/"), request["largest"]
    words = request.get("words", [])
    tried, rows = Tried(words), []
    for path in request["paths"]:
        row = {"path": path}
        rows.append(row)
        try:
            handle = plain_file(root + native(path))
            try:
                data = handle.read(largest + 1)
            finally:
                handle.close()
        except (OSError, IOError):
            row["left"] = why()
            continue
        if len(data) > largest:
            row["left"] = "larger than %d bytes" % largest
            continue
        data, row["judged"] = cleared(os.path.basename(native(path)), data, tried, words)
        if data is not None:
            row["data"] = base64.b64encode(zlib.compress(data, 1)).decode("ascii")
    return {"files": rows}
