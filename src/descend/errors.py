"""The errors that descend raises on purpose: what was given, what was expected, and a hint.

DescendError
├── RecipeError        a recipe, an edit or a name in it is impossible
├── DataError          examples are missing, corrupt, or of another kind than the task
├── NetworkError       a module or a stack cannot be built
├── RunError           a run folder cannot be written, read or continued
├── MissingExtraError  an optional dependency is not installed
└── Interrupted        the user stopped a run; it can be resumed
"""

from __future__ import annotations


class DescendError(Exception):
    """One sentence for the user, and a hint on what to do instead."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class RecipeError(DescendError):
    """A recipe, an edit or a name in it is impossible."""


class DataError(DescendError):
    """Examples are missing, corrupt, or of another kind than the task."""


class NetworkError(DescendError):
    """A module or a stack cannot be built."""


class RunError(DescendError):
    """A run folder cannot be written, read or continued."""


class MissingExtraError(DescendError):
    """An optional dependency is not installed."""


class Interrupted(DescendError):
    """The user stopped a run; it can be resumed."""
