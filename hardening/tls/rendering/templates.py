"""The shipped templates of server configurations, rendered by Jinja2."""

from __future__ import annotations

import json
import os
import zlib
from functools import cache
from typing import Any

from hardening import __version__, resources, user_cache
from hardening.errors import HardeningError
from hardening.tls.targets.base import Job, Target

KIND = "rendered"
"""The folder of rendered texts among those of `user_cache`."""


class Params(dict[str, str]):
    """Parameters as a template sees them: one that was not given is empty."""

    def __missing__(self, key: str) -> str:
        """Return an empty text."""
        return ""


def render(target: Target, job: Job, **values: object) -> str:
    """Return the text of a target's template for a job; `values` are what JSON can hold.

    Errors: HardeningError (a variable that is not there).
    """
    facts = {
        "build": job.build,
        "cipher_string": job.cipher_string,
        "ciphers": job.ciphers,
        "ciphersuites": job.ciphersuites,
        "groups": job.groups,
        "policy": {"id": job.policy.id, "title": job.policy.title, "version": job.policy.version},
        "priority": job.priority,
        "release": {"version": job.release.version},
        "server_preference": job.server_preference,
        "signature_string": job.signature_string,
        "signatures": job.signatures,
    }
    about = {"title": target.title, "place": target.place}
    return text(target.template, target=about, job=facts, params=Params(job.params), comment="#", **values)


def text(name: str, **values: object) -> str:
    """Return the text of a template such as `tls/nginx.conf.j2`. Errors: HardeningError (a variable that is not there).

    The first text of a process is kept in the user's cache folder: loading Jinja2 is a fifth of `harden tls render`.
    """
    if _engine.cache_info().currsize:
        return _rendered(name, values)
    with os.scandir(resources.templates() / "tls") as entries:
        files = sorted((one.name, one.stat().st_mtime_ns, one.stat().st_size) for one in entries)
    made_of = json.dumps([__version__, files, name, values]).encode() + b"\n"
    file = f"{zlib.crc32(made_of):08x}"
    kept = user_cache.read(KIND, file)
    if kept is not None and kept.startswith(made_of):
        return kept[len(made_of) :].decode()
    made = _rendered(name, values)
    user_cache.write(KIND, file, made_of + made.encode())
    return made


def _rendered(name: str, values: dict[str, object]) -> str:
    from jinja2 import UndefinedError  # here, since most verbs render nothing

    try:
        return str(_engine().get_template(name).render(**values))
    except UndefinedError as problem:
        raise HardeningError(
            f"{name}: {problem}",
            hint="this is a fault of aspect-hardening; please report policy, target and version",
        ) from problem


@cache
def _engine() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.templates()),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - configuration files, not HTML
        auto_reload=False,
    )
