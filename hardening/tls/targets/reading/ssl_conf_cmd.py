"""OpenSSL's own commands (SSL_CONF_cmd) where a server takes them over its settings, as stunnel and Tomcat do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hardening.tls.offer import Located
from hardening.tls.targets.reading import protocol_ranges, served

RANGE_ENDS = {"minprotocol": 0, "maxprotocol": 1}
SIGNATURES = "signaturealgorithms"
_OWNED = frozenset({"cipherstring", "ciphersuites", "curves", "groups", "protocol", SIGNATURES, *RANGE_ENDS})
_OPTIONS = re.compile(r"serverpreference|compression", re.IGNORECASE)
_LEVEL = re.compile(r"@SECLEVEL=\d")


def owned(words: Sequence[str]) -> bool:
    """Tell whether a command and its value set what a policy sets."""
    command, value = (*words, "", "")[:2]
    return command.lower() in _OWNED or (command.lower() == "options" and bool(_OPTIONS.search(value)))


def options(settings: served.ServedSettings, value: str) -> served.ServedSettings:
    """Return settings as the words of the command `Options` leave them, one after the other."""
    for word in re.split(r"[,\s]+", value.lower()):
        on, name = not word.startswith("-"), word.lstrip("+-")
        if name == "serverpreference":
            settings = replace(settings, server_preference=on)
        elif name == "compression":
            settings = replace(settings, compression=on)
    return settings


def over(setting: Located, before: Located) -> Located:
    """Return a cipher string that is set over another: the security level of the one before stays where it names none."""
    levels = _LEVEL.findall(before.value)
    if not levels or _LEVEL.search(setting.value):
        return setting
    return replace(setting, value=f"{setting.value}:{levels[-1]}")


def common(settings: served.ServedSettings, command: str, setting: Located) -> served.ServedSettings:
    """Return settings as a command leaves them that does the same in every server; any other leaves them as they are."""
    if command == "ciphersuites":
        return replace(settings, ciphersuites=setting)
    if command == SIGNATURES:
        return replace(settings, signatures=setting)
    return options(settings, setting.value) if command == "options" else settings


def with_commands(
    settings: served.ServedSettings, lines: Iterable[tuple[str, Located]]
) -> served.ServedSettings:
    """Return settings as commands (name, and value with its place) leave them, one after the other."""
    for name, setting in lines:
        command, value = name.lower(), setting.value
        names = [s.value for s in settings.protocols]
        if command == "cipherstring":
            settings = replace(settings, ciphers=over(setting, settings.ciphers))
        elif command == "protocol":
            found = protocol_ranges.commanded(value, names) & set(names)
            settings = replace(settings, protocols=tuple(s for s in settings.protocols if s.value in found))
        elif command in RANGE_ENDS and names:
            ends = [names[0], names[-1]]
            ends[RANGE_ENDS[command]] = {"none": ("SSLv3", "TLSv1.3")[RANGE_ENDS[command]]}.get(
                value.lower(), value
            )
            settings = replace(settings, protocols=protocol_ranges.between(ends[0], ends[1], setting.at))
        else:
            settings = common(settings, command, setting)
    return settings
