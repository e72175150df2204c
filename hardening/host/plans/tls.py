"""From a TLS policy and a server's own configuration files to one plan that makes the policy hold.

The settings are written to one file of ours. Where another file sets the same directives, that line would win (or
the server would refuse a duplicate), so it is commented out, in the same transaction and with a reason.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import Any

from hardening.errors import UsageError
from hardening.findings import Severity
from hardening.host.plans import vault_values
from hardening.host.plans.plan import File, Plan, Service, Validator
from hardening.tls import clients, targets
from hardening.tls import policy as policies
from hardening.tls.rendering import new_texts, render
from hardening.tls.targets.base import Reading
from hardening.tls.targets.reading.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Places of one server's configuration in one distribution family."""

    target: str
    family: str
    """A word of the first line of /etc/centos-release or /etc/os-release, in lower case."""
    configs: tuple[str, ...]
    place: str
    check: tuple[str, ...]
    service: str
    version: tuple[str, ...]


_NGINX = Layout(
    target="nginx",
    family="",
    configs=("/etc/nginx/nginx.conf", "/etc/nginx/conf.d/*.conf", "/etc/nginx/sites-enabled/*"),
    place="/etc/nginx/conf.d/harden-tls.conf",
    check=("nginx", "-t"),
    service="nginx",
    version=("nginx", "-v"),
)
_HTTPD = Layout(
    target="httpd",
    family="",
    configs=("/etc/httpd/conf/httpd.conf", "/etc/httpd/conf.d/*.conf"),
    place="/etc/httpd/conf.d/harden-tls.conf",
    check=("httpd", "-t"),
    service="httpd",
    version=("httpd", "-v"),
)
_LIGHTTPD = Layout(
    target="lighttpd",
    family="",
    configs=("/etc/lighttpd/lighttpd.conf", "/etc/lighttpd/conf.d/*.conf"),
    place="/etc/lighttpd/conf.d/harden-tls.conf",
    check=("lighttpd", "-tt", "-f", "/etc/lighttpd/lighttpd.conf"),
    service="lighttpd",
    version=("lighttpd", "-v"),
)
LAYOUTS: tuple[Layout, ...] = (
    replace(
        _HTTPD,
        family="debian",
        configs=(
            "/etc/apache2/apache2.conf",
            "/etc/apache2/mods-enabled/*.conf",
            "/etc/apache2/conf-enabled/*.conf",
            "/etc/apache2/sites-enabled/*.conf",
        ),
        place="/etc/apache2/conf-enabled/harden-tls.conf",
        check=("apache2ctl", "-t"),
        service="apache2",
        version=("apache2", "-v"),
    ),
    replace(
        _LIGHTTPD,
        family="debian",
        configs=("/etc/lighttpd/lighttpd.conf", "/etc/lighttpd/conf-enabled/*.conf"),
        place="/etc/lighttpd/conf-enabled/99-harden-tls.conf",
    ),
    _NGINX,
    _HTTPD,
    _LIGHTTPD,
)
"""The first that fits the host counts; each part may be overridden by the server's own settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server on a host, and what is wished for it. None and empty mean: as the layout says."""

    target: str
    policy: str = policies.DEFAULT
    version: str | None = None
    openssl: str | None = None
    params: Mapping[str, str] | None = None
    configs: tuple[str, ...] = ()
    place: str | None = None
    check: tuple[str, ...] = ()
    service: str | None = None
    action: str | None = None
    """None: reload, or restart where a reload would not read the settings or the key again; see `action`."""
    reload: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    """Scanned after the change; where the scan does not pass, the change is undone."""

    @classmethod
    def of(cls, raw: Mapping[str, Any], *, policy: str) -> Server:
        """Read a server as a playbook writes it. Errors: UsageError naming the key."""
        where = "tls server"
        values: dict[str, Any] = {
            k: v for k, v in vault_values.mapping(raw, where).items() if v is not None and v != ""
        }
        if "target" not in values and not values.keys() - cls.__dataclass_fields__.keys():
            raise UsageError("tls server: 'target' is missing", hint="such as nginx, httpd or lighttpd")
        for key in ("configs", "endpoints"):
            if isinstance(values.get(key), str):
                values[key] = [one.strip() for one in values[key].split(",")]
        server: Server = vault_values.typed(cls, {"policy": policy, **values}, where)
        targets.find(server.target)
        if all(one.target != server.target for one in LAYOUTS):
            known = ", ".join(dict.fromkeys(one.target for one in LAYOUTS))
            raise UsageError(
                f"tls server: {server.target} is not changed on hosts",
                hint=f"known: {known}; for others harden tls render writes what you install yourself (Tomcat: harden docs hosts)",
            )
        if server.action is not None and not server.reload:
            vault_values.check_action(server.action, where)
        return server

    def layout(self, release: str) -> Layout:
        """Return where this server's files are on a host of that release."""
        found = next(
            one
            for one in LAYOUTS
            if one.target == self.target and (not one.family or one.family in release.lower())
        )
        return replace(
            found,
            configs=self.configs or found.configs,
            place=self.place or found.place,
            check=self.check or found.check,
            service=self.service or found.service,
        )


def wishes(server: Server) -> dict[str, Any]:
    """Return what has to be asked of the host (verb `facts`) before planning."""
    every = [one for one in LAYOUTS if one.target == server.target]
    read = list(server.configs) or list(dict.fromkeys(p for one in every for p in one.configs))
    places = [server.place] if server.place else [one.place for one in every]
    return {
        "read": list(dict.fromkeys([*read, *places])),
        "run": [list(one.version) for one in every] if not server.version else [],
    }


def action(server: Server, facts: Mapping[str, Any]) -> str:
    """Return how the service is told: the server's own word, else `reload` or `restart`.

    lighttpd before 1.4.46 has no graceful restart, and later ones do it with the rights they have by then: under another
    account or in a chroot they cannot read a key that is root's alone. Source: lighttpd 1.4.83, doc/initscripts.txt.
    """
    if server.action or server.reload or server.target != "lighttpd":
        return server.action or "reload"
    version = re.search(r"lighttpd/(\d+(?:\.\d+)+)", " ".join(facts.get("said", [])))
    number = version[1] if version else (server.version or "0").partition("-")[0]
    old = tuple(int(part) for part in re.findall(r"\d+", number)) < (1, 4, 46)
    dropped = re.compile(r"(?m)^\s*server\.(username|chroot)\s*=")
    return "restart" if old or any(dropped.search(text) for text in texts(facts).values()) else "reload"


def release_of(server: Server, facts: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    """Return the release to render for, by what the program says of itself, and a note where that is a guess."""
    if server.version:
        return server.version, ()
    known = [r.version for r in targets.find(server.target).facts.releases]
    versions = re.findall(r"(?:nginx|Apache|lighttpd)/(\d+(?:\.\d+)+)", " ".join(facts.get("said", [])))
    release = str(facts.get("release", "")).lower()
    family = re.search(r"(?:centos|red hat|rocky|alma)\D*(\d+)|debian gnu/linux (\d+)", release)
    suffix = (f"-el{family[1]}" if family[1] else f"-debian{family[2]}") if family else ""
    for number in versions:
        exact = [v for v in known if v.startswith(f"{number}-")]
        if exact:
            return next((v for v in exact if v.endswith(suffix)), exact[-1]), ()
    near = [v for v in known if suffix and v.endswith(suffix)]
    if near:
        return near[-1], (f"{server.target} {versions[0] if versions else '?'} is rendered as {near[-1]}",)
    return None, (f"the release of {server.target} is not known; the default of the target is assumed",)


def plan(server: Server, facts: Mapping[str, Any]) -> Plan:
    """Return the plan that makes the policy hold on this server. Errors: UsageError, DataError."""
    layout = server.layout(str(facts.get("release", "")))
    version, notes = release_of(server, facts)
    target = targets.find(server.target)
    rows = {row["path"]: row for row in facts.get("files", [])}
    tree = Tree({path: _text(row) for path, row in rows.items()})
    main = _main(target, layout, rows)
    release, build, _ = render.settle(target, version, server.openssl)
    way = Reading(release=release, build=build)
    params = new_texts.parameters(tree, target, main, way, server.params)
    made = render.render(
        target, policies.load(server.policy), version=version, build=server.openssl, params=params
    )
    texts = new_texts.separate(tree, target, main, way, made, layout.place, also=rows)
    files = [File(path=layout.place, content=made.text.encode("utf-8"), mode="0644")]
    for path, text in texts.items():
        if path != layout.place:
            content = text.encode("utf-8", "surrogateescape")
            files.append(File(path=path, content=content, expect_sha256=rows[path]["sha256"]))
    return Plan(
        label=f"TLS policy {server.policy} for {server.target}",
        files=tuple(files),
        validators=(Validator(name=" ".join(layout.check[:2]), argv=layout.check),),
        services=(
            Service(
                name=layout.service,
                action=action(server, facts),
                argv=server.reload,
                paths=tuple(one.path for one in files),
            ),
        ),
        notes=(
            *notes,
            *made.assumptions,
            *(f"{f.level.label}: {f.message}" for f in made.findings if f.rule is not clients.LOCKED_OUT),
            *_locked_out(Tree({path: _text(row) for path, row in rows.items()}), target, main, way, made),
        ),
    )


def _text(row: Mapping[str, Any]) -> str:
    return base64.b64decode(row["content"]).decode("utf-8", "surrogateescape")


def _main(target: targets.Target, layout: Layout, paths: Iterable[str]) -> str:
    """Return the server's main file among those the host has; the place it would have, where none is there."""
    names = {name.rpartition("/")[2] for name in target.main}
    found = [path for pattern in layout.configs for path in paths if fnmatch(path, pattern)]
    found.sort(key=lambda path: path.rpartition("/")[2] not in names)
    return found[0] if found else layout.configs[0]


def texts(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the configuration files that the host was asked for, by path."""
    return {
        row["path"]: base64.b64decode(row["content"]).decode("utf-8", "surrogateescape")
        for row in facts.get("files", [])
    }


LOSS = "warning: "
"""How a note begins that an operator has to see before anything is changed."""


def _locked_out(
    tree: Tree, target: targets.Target, main: str, way: Reading, made: render.Rendered
) -> Iterator[str]:
    """Yield who could connect to what the host's files offer now, and could not any more."""
    users = set()
    for before in target.read(tree, main, way) if tree.exists(main) else ():
        found = clients.warning(made.offer, before=before)
        if found is not None and found.message not in users:
            users.add(found.message)
            name = before.subject.rpartition("#")[2]
            yield f"{LOSS}{name}: {found.message}. The way out: {found.remedy}"


def unproved(endpoints: Sequence[str], policy: str) -> Iterable[str]:
    """Scan endpoints and return what does not hold, one line each; certificates are another matter."""
    from hardening.tls.scan.run import scan

    run = scan(endpoints, [policies.load(policy)])
    for subject in run.subjects:
        if subject.examined.value == "none":
            yield f"{subject.id}: {subject.reason or 'no answer'}"
    for one in run.findings:
        if one.level >= Severity.MEDIUM and not one.rule.id.startswith("tls/certificate"):
            yield f"{one.subject}: {one.message}"
