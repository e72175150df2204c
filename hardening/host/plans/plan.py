"""The state that the agent has to produce, as typed values; `Plan.to_json` is sent."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One whole file. `@state/` at the start of a path is the agent's own directory on the target."""

    path: str
    content: bytes = b""
    source: str | None = None
    """A file on the target that comes before `content`: a key made there need not travel. Always a secret."""
    mode: str | None = None
    """Octal text such as `0640`; None keeps what is there (new files: 0644, secrets 0600)."""
    owner: str | None = None
    group: str | None = None
    secontext: str | None = None
    """SELinux context; None keeps what is there, or takes what the host's policy says for the path."""
    secret: bool = False
    """The content never appears in a diff, a message or the journal's lines."""
    mkdir: bool = False
    follow: bool = False
    """Whether `path` may be a symbolic link; the file it leads to is written then."""
    expect_sha256: str | None = None
    """Refuse when the file on the target is not the one this content was made from."""

    def to_json(self) -> dict[str, Any]:
        """Return the form that travels."""
        row: dict[str, Any] = {"path": self.path, "content": base64.b64encode(self.content).decode("ascii")}
        for name in ("mode", "owner", "group", "secontext", "expect_sha256"):
            value = getattr(self, name)
            if value is not None:
                row[name] = value
        if self.source is not None:
            row["from"] = self.source
        row.update({name: True for name in ("secret", "mkdir", "follow") if getattr(self, name)})
        return row


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A change that is not a file: `check` exits 0 when it is so already, `undo` takes `do` back."""

    name: str
    do: tuple[str, ...]
    undo: tuple[str, ...] = ()
    check: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the form that travels."""
        words = {"undo": list(self.undo), "check": list(self.check)}
        return {
            "name": self.name,
            "do": list(self.do),
            **{key: value for key, value in words.items() if value},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Validator:
    """A program that judges the files: once while they are staged, once when they are in place."""

    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service to reload or restart after a change of one of `paths` (None: of anything)."""

    name: str
    action: str = "reload"
    argv: tuple[str, ...] = ()
    """The command; empty means the init system's own."""
    paths: tuple[str, ...] | None = None
    starts: bool = False
    """Whether its restart starts one that does not run; else that is left stopped, for somebody may have meant it so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything one transaction makes true."""

    label: str = ""
    by: str = ""
    files: tuple[File, ...] = ()
    remove: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()
    validators: tuple[Validator, ...] = ()
    services: tuple[Service, ...] = ()
    probes: tuple[Mapping[str, Any], ...] = ()
    settle: float = 0
    deadman: float = 0
    """Seconds within which the control machine has to confirm; 0 means no confirmation is needed."""
    install: bool = False
    keep: int = 20
    keep_days: float = 180
    keep_mib: int = 2048
    """How many finished transactions can still be rolled back, for how long, and what their copies may take."""
    notes: tuple[str, ...] = field(default=())
    """For people: assumptions made while planning, shown by the caller; they do not travel."""

    def joined(self, other: Plan) -> Plan:
        """Return one plan that makes both true."""
        return replace(
            self,
            label=" + ".join(filter(None, (self.label, other.label))),
            files=self.files + other.files,
            remove=self.remove + other.remove,
            commands=self.commands + other.commands,
            validators=self.validators + tuple(v for v in other.validators if v not in self.validators),
            services=self.services + tuple(s for s in other.services if s not in self.services),
            probes=self.probes + tuple(p for p in other.probes if p not in self.probes),
            notes=self.notes + other.notes,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the form that travels."""
        row: dict[str, Any] = {
            "label": self.label,
            "by": self.by,
            "files": [one.to_json() for one in self.files],
            "remove": [{"path": path} for path in self.remove],
            "commands": [one.to_json() for one in self.commands],
            "validators": [{"name": v.name, "argv": list(v.argv)} for v in self.validators],
            "services": [
                {"name": s.name, "action": s.action}
                | ({"argv": list(s.argv)} if s.argv else {})
                | ({"paths": list(s.paths)} if s.paths is not None else {})
                | ({"starts": True} if s.starts else {})
                for s in self.services
            ],
            "probes": [dict(probe) for probe in self.probes],
            "keep": self.keep,
        }
        for name in ("keep_days", "keep_mib"):
            if getattr(self, name) != Plan.__dataclass_fields__[name].default:
                row[name] = getattr(self, name)
        for name in ("settle", "deadman", "install"):
            if getattr(self, name):
                row[name] = getattr(self, name)
        return row
