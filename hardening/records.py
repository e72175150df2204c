"""Data classes that write their methods when one is first made or compared.

`dataclasses.dataclass` compiles up to six methods for each class while its module loads. A short command loads dozens of
such classes and makes few of them, and that compiling was a fifth of its time. Here the standard library gathers the
fields, and each method is written when it is first called. Type checkers see the original decorator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - handed on under its own name
else:
    import dataclasses
    from collections.abc import Callable
    from reprlib import recursive_repr
    from types import MemberDescriptorType
    from typing import Any

    def dataclass(
        cls: type | None = None,
        /,
        *,
        eq: bool = True,
        frozen: bool = False,
        kw_only: bool = False,
        slots: bool = False,
    ) -> Any:
        """Make a class hold data, as `dataclasses.dataclass` does with the same options."""

        def wrap(cls: type) -> type:
            attributes = dict(cls.__dict__)
            made_class = dataclasses.dataclass(
                cls, init=False, repr=False, eq=False, kw_only=kw_only, slots=slots
            )
            lazy = {"__init__": _init(frozen=frozen), "__repr__": _repr}
            if eq:
                lazy["__eq__"] = _eq
            if eq and frozen and attributes.get("__hash__") is None:
                lazy["__hash__"] = _hash
            elif eq and "__hash__" not in attributes:
                made_class.__hash__ = None
            for name, write in lazy.items():
                if name == "__hash__" or name not in attributes:
                    setattr(made_class, name, _when_called(made_class, name, write))
            if frozen:
                _freeze(made_class, slots=slots)
            return made_class

        return wrap if cls is None else wrap(cls)

    def _when_called(cls: type, name: str, write: Callable[[type], Callable[..., Any]]) -> Callable[..., Any]:
        """Return a method that puts the real one in its own place and hands the call on."""

        def first(self: Any, *args: Any, **kwargs: Any) -> Any:
            method = write(cls)
            method.__name__, method.__qualname__ = name, f"{cls.__qualname__}.{name}"
            setattr(cls, name, method)
            return method(self, *args, **kwargs)

        first.__name__, first.__qualname__ = name, f"{cls.__qualname__}.{name}"
        return first

    def _compiled(head: str, body: list[str], scope: dict[str, Any]) -> Callable[..., Any]:
        exec(f"def method{head}:\n " + "\n ".join(body or ["pass"]), scope)  # noqa: S102 - names of fields alone
        return scope.pop("method")

    def _init(*, frozen: bool) -> Callable[[type], Callable[..., Any]]:
        def write(cls: type) -> Callable[..., Any]:
            scope: dict[str, Any] = {"_set": object.__setattr__, "_absent": object()}
            plain, named, body = ["self"], [], []
            for one in dataclasses.fields(cls):
                value = one.name
                if one.default_factory is not dataclasses.MISSING:
                    scope[f"_make_{one.name}"] = one.default_factory
                    default = "=_absent"
                    value = f"_make_{one.name}() if {one.name} is _absent else {one.name}"
                elif one.default is not dataclasses.MISSING:
                    scope[f"_default_{one.name}"] = one.default
                    default = f"=_default_{one.name}"
                else:
                    default = ""
                (named if one.kw_only else plain).append(one.name + default)
                slot = cls.__dict__.get(one.name)
                if frozen and isinstance(
                    slot, MemberDescriptorType
                ):  # twice as quick as what sets any attribute
                    scope[f"_set_{one.name}"] = slot.__set__
                    body.append(f"_set_{one.name}(self, {value})")
                else:
                    body.append(
                        f"_set(self, {one.name!r}, {value})" if frozen else f"self.{one.name} = {value}"
                    )
            if hasattr(cls, "__post_init__"):
                body.append("self.__post_init__()")
            method = _compiled(f"({', '.join([*plain, *(['*'] if named else []), *named])})", body, scope)
            method.__annotations__ = {one.name: one.type for one in dataclasses.fields(cls)} | {
                "return": None
            }
            return method

        return write

    def _tuple(owner: str, cls: type) -> str:
        return "(" + "".join(f"{owner}.{one.name}, " for one in dataclasses.fields(cls) if one.compare) + ")"

    def _eq(cls: type) -> Callable[..., Any]:
        same = f"{_tuple('self', cls)} == {_tuple('other', cls)}"
        body = ["if other.__class__ is self.__class__:", f" return {same}", "return NotImplemented"]
        return _compiled("(self, other)", body, {})

    def _hash(cls: type) -> Callable[..., Any]:
        return _compiled("(self)", [f"return hash({_tuple('self', cls)})"], {})

    def _repr(cls: type) -> Callable[..., Any]:
        names = [one.name for one in dataclasses.fields(cls) if one.repr]

        def method(self: Any) -> str:
            return f"{type(self).__qualname__}({', '.join(f'{n}={getattr(self, n)!r}' for n in names)})"

        return recursive_repr()(method)

    def _freeze(cls: type, *, slots: bool) -> None:
        def refuse(_self: Any, name: str, *_value: Any) -> None:
            raise dataclasses.FrozenInstanceError(f"cannot assign to or delete field {name!r}")

        def get_state(self: Any) -> list[Any]:
            return [getattr(self, one.name) for one in dataclasses.fields(self)]

        def set_state(self: Any, state: list[Any]) -> None:
            for one, value in zip(dataclasses.fields(self), state, strict=True):
                object.__setattr__(self, one.name, value)

        cls.__setattr__ = cls.__delattr__ = refuse
        if slots:
            cls.__getstate__, cls.__setstate__ = get_state, set_state
