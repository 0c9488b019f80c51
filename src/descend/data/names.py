"""The named sources of examples and what is known of each before anything is loaded.

Nothing here imports numpy or torch: a recipe is validated and its defaults are chosen at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from descend.errors import DataError


@dataclass(frozen=True)
class Source:
    """One named source: its natural task, its size and the choices made where a recipe makes none.

    `examples` counts what is there to be trained on and split; the own test set, where a source has
    one, comes on top. `validation` and `test` are shares (below 1) or numbers, as in a recipe;
    `test` is None where the source brings its own test set.
    """

    name: str
    about: str
    task: str
    features: int
    outputs: int
    examples: int
    scale: str = "standard"
    target_scale: str = "none"
    validation: float | int = 0.15
    test: float | int | None = 0.2
    sized: bool = False  # `data.examples` chooses how many are made
    noise: float | None = None  # the default of `data.noise`; None: there is none to choose
    classes: tuple[str, ...] | None = None
    image: tuple[int, int] | None = None

    @property
    def has_own_test(self) -> bool:
        """True where the test set is the source's own, not a part of the examples."""
        return self.test is None


_TWO = ("0", "1")
_DIGITS = tuple("0123456789")
_CLOTHES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def _gate(name: str, about: str) -> Source:
    return Source(
        name,
        about,
        task="binary",
        features=2,
        outputs=1,
        examples=4,
        classes=_TWO,
        scale="none",
        validation=0,
        test=0,
    )


def _plane(name: str, about: str, examples: int, noise: float) -> Source:
    return Source(
        name,
        about,
        task="binary",
        features=2,
        outputs=1,
        examples=examples,
        classes=_TWO,
        noise=noise,
        sized=True,
    )


def _mnist_like(name: str, about: str, classes: tuple[str, ...]) -> Source:
    return Source(
        name,
        about,
        task="multiclass",
        features=784,
        outputs=10,
        examples=60_000,
        classes=classes,
        image=(28, 28),
        scale="unit",
        validation=5_000 / 60_000,
        test=None,
    )


_ALL = (
    _gate("and", "the logical AND of two inputs"),
    _gate("or", "the logical OR of two inputs"),
    _gate("xor", "the logical exclusive OR of two inputs: no line separates it"),
    _plane("circles", "a ring around a ring", examples=500, noise=0.1),
    _plane("moons", "two crescents that reach into each other", examples=500, noise=0.2),
    _plane("spirals", "two spirals wound around each other", examples=600, noise=0.05),
    Source(
        "blobs",
        "three clouds of points",
        task="multiclass",
        features=2,
        outputs=3,
        examples=600,
        classes=("0", "1", "2"),
        noise=1.0,
        sized=True,
    ),
    Source(
        "sine",
        "one period of a sine, with noise",
        task="regression",
        features=1,
        outputs=1,
        examples=400,
        noise=0.1,
        sized=True,
    ),
    Source(
        "digits",
        "handwritten digits, 8 by 8 pixels, from scikit-learn",
        task="multiclass",
        features=64,
        outputs=10,
        examples=1_797,
        classes=_DIGITS,
        image=(8, 8),
        scale="unit",
    ),
    Source(
        "shapes",
        "a red disc and a blue square on a dark ground: which pixel is of what?",
        task="pixels",
        features=3,
        outputs=3,
        examples=200,
        classes=("background", "disc", "square"),
        image=(12, 12),
        noise=0.2,
        sized=True,
    ),
    Source(
        "multilabel",
        "points that carry any number of five labels",
        task="multilabel",
        features=20,
        outputs=5,
        examples=600,
        classes=("0", "1", "2", "3", "4"),
        sized=True,
    ),
    Source(
        "bag-of-words",
        "word counts of short texts on four topics, nearly all of them zero",
        task="multiclass",
        features=500,
        outputs=4,
        examples=1_000,
        classes=("0", "1", "2", "3"),
        scale="none",
        sized=True,
    ),
    _mnist_like("mnist", "handwritten digits, 28 by 28 pixels", _DIGITS),
    _mnist_like("fashion-mnist", "pieces of clothing, 28 by 28 pixels", _CLOTHES),
)
SOURCES: dict[str, Source] = {source.name: source for source in _ALL}

# Examples held out of a set whose size is not known before it is read: a directory, arrays.
VALIDATION_SHARE = 0.15
TEST_SHARE = 0.2

# The tasks that examples of each natural task can serve besides; every set can be reconstructed.
_ALSO: dict[str, tuple[str, ...]] = {
    "binary": ("multiclass", "regression", "autoencoder"),
    "multiclass": ("autoencoder",),
    "multilabel": ("autoencoder",),
    "regression": ("autoencoder",),
    "pixels": (),
    "autoencoder": (),
}


def tasks_of(natural: str) -> tuple[str, ...]:
    """The tasks that examples made for `natural` can be used for, the natural one first."""
    return (natural, *_ALSO[natural])


def is_path(source: str) -> bool:
    """True where `source` names a place on disk and not one of `SOURCES`."""
    if source in SOURCES:
        return False
    return (
        source.startswith(("~", ".")) or "/" in source or os.sep in source or Path(source).exists()
    )


def nearest(name: str) -> str | None:
    """The source that `name` was most likely meant to be, or None."""
    spelled = name.lower().replace("_", "-").replace(" ", "-")
    matches = get_close_matches(spelled, list(SOURCES), n=1, cutoff=0.5)
    return matches[0] if matches else None


def unknown_source(name: str) -> DataError:
    """The error for a source that is neither a name of `SOURCES` nor a place on disk."""
    close = nearest(name)
    hint = f"did you mean {close!r}?" if close else "a path starts with . or / or ~"
    known = ", ".join(SOURCES)
    return DataError(f"`data.source` must be a directory or one of {known}: {name!r}", hint=hint)
