"""OpenSSL's own commands (SSL_CONF_cmd) where a server takes them over its settings, as stunnel and Tomcat do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hardening.tls.offer import Said
from hardening.tls.targets import served, spans

RANGE_ENDS = {"minprotocol": 0, "maxprotocol": 1}


def given(settings: served.Settings, lines: Iterable[tuple[str, Said]]) -> served.Settings:
    """Return settings as commands (name, and value with its place) leave them, one after the other."""
    for name, said in lines:
        command, value = name.lower(), said.value
        names = [s.value for s in settings.protocols]
        if command == "cipherstring":
            settings = replace(settings, ciphers=said)
        elif command == "ciphersuites":
            settings = replace(settings, ciphersuites=said)
        elif command == "options" and "serverpreference" in value.lower():
            settings = replace(settings, server_preference="-serverpreference" not in value.lower())
        elif command == "protocol":
            found = spans.commanded(value, names) & set(names)
            settings = replace(settings, protocols=tuple(s for s in settings.protocols if s.value in found))
        elif command in RANGE_ENDS and names:
            ends = [names[0], names[-1]]
            ends[RANGE_ENDS[command]] = {"none": ("SSLv3", "TLSv1.3")[RANGE_ENDS[command]]}.get(
                value.lower(), value
            )
            settings = replace(settings, protocols=spans.between(ends[0], ends[1], said.at))
    return settings
