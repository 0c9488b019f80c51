"""Which example goes into which part: drawn from a seed, by class where there are classes.

Every example lands in exactly one part, and every part keeps the order of the examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from descend.errors import DataError

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """The rows of each part, ascending."""

    train: Rows
    validation: Rows
    test: Rows


def count_of(amount: float | int, examples: int, field: str) -> int:
    """The number of examples that `amount` stands for: a share below 1, or a number.

    A share above 0 is at least one example.
    """
    if isinstance(amount, int):
        count = amount
    elif 0 <= amount < 1:
        count = max(round(amount * examples), 1) if amount > 0 else 0
    else:
        raise DataError(
            f"`{field}` must be a share below 1 or a whole number of examples: {amount}"
        )
    if not 0 <= count <= examples:
        raise DataError(f"`{field}` must be from 0 to {examples:,} examples: {count:,}")
    return count


def split(
    examples: int, validation: int, test: int, seed: int, labels: NDArray[Any] | None = None
) -> Parts:
    """The rows of training, validation and test set, stratified by `labels` (examples,) if given.

    The test set is drawn first, so that it does not depend on the size of the validation set.
    """
    if validation + test >= examples:
        raise DataError(
            f"at least one example must be left for training: of {examples:,}, "
            f"{validation:,} go to validation and {test:,} to the test",
            hint="make `data.validation` and `data.test` smaller, or 0",
        )
    if seed < 0:
        raise DataError(f"`data.seed` must be 0 or more: {seed}")
    rng = np.random.default_rng(seed)
    pool = np.arange(examples)
    tested = _draw(pool, test, labels, rng)
    pool = np.setdiff1d(pool, tested, assume_unique=True)
    validated = _draw(pool, validation, labels, rng)
    return Parts(np.setdiff1d(pool, validated, assume_unique=True), validated, tested)


def first(count: int, labels: NDArray[Any] | None, examples: int) -> Rows:
    """The first `count` of `examples` rows; with labels, the first of each class in proportion."""
    if labels is None or count >= examples:
        return np.arange(min(count, examples))
    values, inverse, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    quotas = _allot(sizes, count, keep=0)
    chosen = [np.flatnonzero(inverse == k)[: quotas[k]] for k in range(len(values))]
    return np.sort(np.concatenate(chosen))


def _draw(pool: Rows, count: int, labels: NDArray[Any] | None, rng: np.random.Generator) -> Rows:
    if count == 0:
        return pool[:0]
    if labels is None:
        return np.sort(rng.permutation(pool)[:count])
    values, inverse, sizes = np.unique(labels[pool], return_inverse=True, return_counts=True)
    quotas = _allot(sizes, count, keep=1)
    members = [pool[inverse == k] for k in range(len(values))]
    chosen = [rng.permutation(rows)[:quota] for rows, quota in zip(members, quotas, strict=True)]
    return np.sort(np.concatenate(chosen))


def _allot(sizes: NDArray[np.int64], total: int, keep: int) -> NDArray[np.int64]:
    """How many of `total` each class gives: in proportion to its size, largest remainders first.

    A class gives none of its last `keep` members, as long as others can give instead.
    """
    capacity = np.maximum(sizes - keep, 0)
    if capacity.sum() < total:
        capacity = sizes
    ideal = sizes * (total / sizes.sum())
    quotas: NDArray[np.int64] = np.minimum(np.floor(ideal).astype(np.int64), capacity)
    while (missing := total - int(quotas.sum())) > 0:
        wanting = np.where(quotas < capacity, ideal - quotas, -np.inf)
        order = np.argsort(-wanting, kind="stable")
        free = int((quotas < capacity).sum())
        quotas[order[: min(missing, free)]] += 1
    return quotas
