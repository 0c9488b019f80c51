"""descend trains feed-forward neural networks, says why they learn or do not, and proves it.

Every public name is here; those that need torch are imported when they are first used, so that
`import descend` and `descend --help` answer at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from descend.errors import (
    DataError,
    DescendError,
    Interrupted,
    MissingExtraError,
    NetworkError,
    RecipeError,
    RunError,
)
from descend.lazy import at_first_use

if TYPE_CHECKING:
    from descend.api import (
        Comparison,
        Run,
        check,
        compare,
        diagnose,
        evaluate,
        lab,
        labs,
        load_comparison,
        load_run,
        predict,
        preflight,
        resume,
        resume_comparison,
        train,
    )
    from descend.recipe import Recipe
    from descend.watching.watch import watch

__version__ = "0.1.0"

# The home of each name that is imported when it is first used. A public name must not be the name
# of a module in this package: importing that module would hide the function behind it.
_HOMES = {
    "Recipe": "descend.recipe",
    "Comparison": "descend.api",
    "Run": "descend.api",
    "check": "descend.api",
    "compare": "descend.api",
    "diagnose": "descend.api",
    "evaluate": "descend.api",
    "lab": "descend.api",
    "labs": "descend.api",
    "load_comparison": "descend.api",
    "load_run": "descend.api",
    "predict": "descend.api",
    "preflight": "descend.api",
    "resume": "descend.api",
    "resume_comparison": "descend.api",
    "train": "descend.api",
    "watch": "descend.watching.watch",
}

__all__ = [
    "Comparison",
    "DataError",
    "DescendError",
    "Interrupted",
    "MissingExtraError",
    "NetworkError",
    "Recipe",
    "RecipeError",
    "Run",
    "RunError",
    "__version__",
    "check",
    "compare",
    "diagnose",
    "evaluate",
    "lab",
    "labs",
    "load_comparison",
    "load_run",
    "predict",
    "preflight",
    "resume",
    "resume_comparison",
    "train",
    "watch",
]


def _shown(value: Any) -> Any:
    """A class as it is; a function that says in a sentence which argument is of another kind."""
    from descend.given import checked

    return value if isinstance(value, type) else checked(value)


__getattr__ = at_first_use(__name__, _HOMES, _shown)


def __dir__() -> list[str]:
    return sorted(__all__)
