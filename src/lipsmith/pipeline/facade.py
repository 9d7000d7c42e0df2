"""Functions that take either a request record or its fields as arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar, cast, overload

from lipsmith.pipeline.options import Record, current_names, option_fields

P = ParamSpec("P")
Request = TypeVar("Request", bound=Record)
Result = TypeVar("Result")


class Facade(Generic[P, Request, Result]):
    """Function whose arguments are the fields of a request record.

    Type checkers see the record's parameters, so a misspelt option is reported and no second list of options exists.
    Former names of options are accepted with a DeprecationWarning.
    """

    def __init__(self, name: str, record: Callable[P, Request], run: Callable[[Request], Result]) -> None:
        self.record, self.run = cast(type[Request], record), run
        self.__name__ = self.__qualname__ = name
        self.__signature__ = inspect.signature(record).replace(
            return_annotation=inspect.signature(run).return_annotation
        )
        self.__doc__ = "\n".join([inspect.getdoc(run) or "", "", *self._described(), "", _ERRORS])

    @overload
    def __call__(self, request: Request, /) -> Result: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Result: ...
    def __call__(self, *args: object, **kwargs: object) -> Result:
        if len(args) == 1 and not kwargs and isinstance(args[0], self.record):
            return self.run(args[0])
        return self.run(self.record(*args, **current_names(self.record, kwargs)))

    def __repr__(self) -> str:
        return f"<function {self.__name__}{self.__signature__}>"

    def _described(self) -> list[str]:
        return [f"- ``{field.name}``: {field.option.help}" for field in option_fields(self.record)]


_ERRORS = """After an error nothing is written. All errors are LipsmithErrors: InputError where the caller can correct
the input, else MissingDependency, VoiceFailed, EncodingFailed or Cancelled."""
