"""What is wrong with a recipe, as sentences: field, expectation, value and the nearest name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from descend.errors import RecipeError

UNKNOWN = "a field that exists"  # what is expected in place of a field that does not
LONGEST = 60  # characters of a value that is quoted


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


@dataclass(frozen=True)
class Problem:
    """One field that cannot be as it was given; `given` is ABSENT where nothing was."""

    field: str
    given: Any
    expected: str
    nearest: str | None = None

    def __str__(self) -> str:
        value = "" if self.given is ABSENT else f": {spelled(self.given)}"
        guess = f" (did you mean {self.nearest!r}?)" if self.nearest else ""
        return f"`{self.field}` must be {self.expected}{value}{guess}"

    def below(self, table: str) -> Problem:
        """This problem of a field of `table`, or of `table` itself where the field is empty."""
        return replace(self, field=".".join(name for name in (table, self.field) if name))


class ImpossibleRecipe(RecipeError):
    """A RecipeError that holds its problems, for programs; its message says them all."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        if len(problems) == 1:
            message = str(problems[0])
        else:
            listed = "\n".join(f"  {problem}" for problem in problems)
            message = f"the recipe has {len(problems)} problems:\n{listed}"
        super().__init__(message, hint="`descend schema` prints every field and its choices")


def spelled(value: Any) -> str:
    """`value` as a recipe would have it, cut where it is long."""
    try:
        text = _spelled(value)
    except (ValueError, RecursionError):  # digits or brackets by the thousand
        return "a value too long to print"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _spelled(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key} = {_spelled(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_spelled(item) for item in value)}]"
    return repr(value)


def listed(names: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, end = names
    return f"{', '.join(most)} {last} {end}" if most else end
