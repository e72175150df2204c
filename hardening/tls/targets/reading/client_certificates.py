"""From a server's own word for client certificates to what it asks of its clients."""

from __future__ import annotations

from collections.abc import Mapping

from hardening.findings import InFile
from hardening.tls.offer import ClientCertificate, Located

UNCHECKED = "unchecked"
"""Asked for, not required, and of any authority."""
SWITCH = {"on": "required", "yes": "required", "true": "required", "1": "required"}
"""The words of a switch that requires one."""


def client_authentication(
    setting: Located | None,
    at: InFile,
    words: Mapping[str, str],
    *,
    otherwise: str = "none",
    authorities: str = "",
) -> ClientCertificate:
    """Return what a word means by a server's table; without a word, or for one that is not in it, `otherwise` holds.

    `words` leads to `none`, `optional`, `required` or UNCHECKED; `authorities` is the file of those accepted.
    """
    wants = words.get(setting.value.strip("\"'").lower(), otherwise) if setting is not None else otherwise
    if wants == "none":
        authorities = ""
    return ClientCertificate(
        wants="optional" if wants == UNCHECKED else wants,
        at=setting.at if setting is not None else at,
        checked=wants != UNCHECKED,
        authorities=(authorities,) if authorities else (),
    )
