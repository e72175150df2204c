"""The shipped templates of server configurations, rendered by Jinja2."""

from __future__ import annotations

from functools import cache
from typing import Any

from hardening import resources
from hardening.errors import HardeningError

KIND = "templates"
"""The folder of compiled templates among those of `user_cache`."""


class Template:
    """One template of the folder `templates`, such as `tls/nginx.conf.j2`."""

    def __init__(self, name: str) -> None:
        """Load it. Jinja2's own errors show: a template that does not parse is a fault of this package."""
        self._template = _engine().get_template(name)

    def render(self, **values: Any) -> str:
        """Return the text. Errors: HardeningError (a variable that is not there)."""
        from jinja2 import UndefinedError

        try:
            return str(self._template.render(**values))
        except UndefinedError as problem:
            raise HardeningError(
                f"{self._template.name}: {problem}",
                hint="this is a fault of aspect-hardening; please report policy, target and version",
            ) from problem


class Params(dict[str, str]):
    """Parameters as a template sees them: one that was not given is empty."""

    def __missing__(self, key: str) -> str:
        """Return an empty text."""
        return ""

    def __getattr__(self, name: str) -> str:
        """Return a parameter, or an empty text."""
        return self.get(name, "")


@cache
def template(name: str) -> Template:
    """Return a template of the folder `templates`, such as `tls/nginx.conf.j2`."""
    return Template(name)


@cache
def _engine() -> Any:
    import jinja2  # here, since most verbs render nothing

    from hardening import user_cache

    class Kept(jinja2.BytecodeCache):
        """Compiled templates in the user's cache folder; Jinja2 compares Python's version and the template's checksum."""

        def load_bytecode(self, bucket: Any) -> None:
            if kept := user_cache.read(KIND, bucket.key):
                bucket.bytecode_from_string(kept)

        def dump_bytecode(self, bucket: Any) -> None:
            user_cache.write(KIND, bucket.key, bucket.bytecode_to_string())

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.templates()),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - configuration files, not HTML
        auto_reload=False,
        bytecode_cache=Kept(),
    )
