"""The shipped templates, rendered without importing Jinja2: it takes longer to load than to write a configuration.

`make templates` lets Jinja2 turn each template into Python (`hardening.tls.written`). A template that has changed since,
or that nobody has turned yet, is rendered by Jinja2 itself, so that nothing here is ever out of date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Protocol
from zlib import crc32

from hardening import resources
from hardening.errors import HardeningError

_MISSING: Any = object()


class Template(Protocol):
    """Something that can be rendered."""

    def render(self, **values: Any) -> str:
        """Return the text. Errors: HardeningError (a variable that is not there)."""


@cache
def template(name: str) -> Template:
    """Return a template of the folder `templates`, such as `tls/nginx.conf.j2`."""
    return _written(name) or _engine().get_template(name)


def module_name(name: str) -> str:
    """Return the module that holds a template: `nginx_conf` for `tls/nginx.conf.j2`."""
    return name.rpartition("/")[2].removesuffix(".j2").replace(".", "_").strip("_")


def fingerprint(name: str) -> int:
    """Return what tells one state of a template from another."""
    return crc32((resources.templates() / name).read_bytes())


@cache
def _written(name: str) -> _Written | None:
    try:
        module = import_module(f"hardening.tls.written.{module_name(name)}")
    except ModuleNotFoundError:
        return None
    if fingerprint(name) != module.FINGERPRINT:
        return None
    try:
        included = {one: _written(one) for one in module.INCLUDES}
    except OSError:
        return None
    if None in included.values():
        return None
    return _Written(module.made(_ENVIRONMENT, _RUNTIME))


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


class _Written:
    """One template as a function."""

    def __init__(self, root: Callable[[_Context], Iterator[str]]) -> None:
        self.root_render_func = root

    def render(self, **values: Any) -> str:
        return "".join(self.root_render_func(_Context(values)))

    @staticmethod
    def new_context(values: Mapping[str, Any], _shared: bool, own: Mapping[str, Any]) -> _Context:
        return _Context({**values, **own})


class _Context:
    """The variables of one rendering."""

    eval_ctx = None

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.vars: dict[str, Any] = {}
        self.exported_vars: set[str] = set()

    def resolve_or_missing(self, name: str) -> Any:
        return self._values.get(name, _MISSING)

    @staticmethod
    def call(function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        return function(*given, **named)

    def get_all(self) -> Mapping[str, Any]:
        return {**self._values, **self.vars}


def _undefined(*_: object, name: str = "", **__: object) -> Any:
    raise HardeningError(
        f"a template asks for {name!r}, which is not there",
        hint="this is a fault of aspect-hardening; please report policy, target and version",
    )


class _Environment:
    """What the generated code asks of Jinja2's environment."""

    undefined = staticmethod(_undefined)
    concat = staticmethod("".join)
    filters: Mapping[str, Callable[..., str]] = {
        "join": lambda _context, values, between="": str(between).join(str(v) for v in values)
    }

    @staticmethod
    def getattr(value: Any, name: str) -> Any:
        try:
            return getattr(value, name)
        except AttributeError:
            return _Environment.getitem(value, name)

    @staticmethod
    def getitem(value: Any, key: Any) -> Any:
        try:
            return value[key]
        except (LookupError, TypeError):
            return _undefined(name=str(key))

    @staticmethod
    def get_template(name: str, _parent: str = "") -> Any:
        return _written(name)


class _Loop:
    """What `loop` is inside a `for`."""

    def __init__(self, values: Iterable[Any], _undefined: object = None) -> None:
        self._values = list(values)
        self.length = len(self._values)
        self.index0 = -1

    @property
    def index(self) -> int:
        return self.index0 + 1

    @property
    def first(self) -> bool:
        return self.index0 == 0

    @property
    def last(self) -> bool:
        return self.index0 == self.length - 1

    def __iter__(self) -> Iterator[tuple[Any, _Loop]]:
        for value in self._values:
            self.index0 += 1
            yield value, self


_ENVIRONMENT = _Environment()
_RUNTIME: Mapping[str, Any] = {
    "missing": _MISSING,
    "Undefined": lambda *_: "",
    "LoopContext": _Loop,
    "str_join": lambda values: "".join(map(str, values)),
    "identity": lambda value: value,
    "internalcode": lambda function: function,
    "TemplateRuntimeError": HardeningError,
}
