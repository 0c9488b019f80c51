"""Sampler: one of Optuna's, asked for batches of draws and told what came of them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

from descend.comparison.axis import Edits
from descend.comparison.draw import LOGARITHMIC, WHOLE, Draw
from descend.compute import cpu_threads
from descend.errors import MissingExtraError, RecipeError

WIDE = 10_000  # whole numbers in a range: of more, some samplers want a list that no memory holds


class Sampler:
    """One of Optuna's samplers: asked for a batch of edits, then told the value of each."""

    def __init__(
        self, name: str, draws: Sequence[Draw], seed: int, batch: int, higher_is_better: bool
    ) -> None:
        self.draws = draws
        self.distributions = {draw.field: distribution(draw) for draw in draws}
        self.trials: list[Any] = []
        direction = "maximize" if higher_is_better else "minimize"
        with _quietly() as optuna:
            self.study = optuna.create_study(
                direction=direction, sampler=_sampler(name, seed, batch)
            )

    def ask(self, count: int) -> list[Edits]:
        """The next edits that the sampler wants to be tried."""
        with _quietly():
            self.trials = [self.study.ask(self.distributions) for _ in range(count)]
        return [
            {draw.field: value_of(draw, trial.params[draw.field]) for draw in self.draws}
            for trial in self.trials
        ]

    def tell(self, values: Sequence[float | None]) -> None:
        """The value of everything that was asked for last, None where there is none."""
        with _quietly() as optuna:
            for trial, value in zip(self.trials, values, strict=True):
                if value is None:
                    # a failed trial would be forgotten; from a pruned one, `tpe` keeps away
                    self.study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                else:
                    # in the same order, but a loss of a million is not all that `gp` sees
                    self.study.tell(trial, math.copysign(math.log1p(abs(value)), value))


def distribution(draw: Draw) -> Any:
    """The distribution of Optuna from which a field is drawn; `value_of` reads what comes out."""
    with _quietly() as optuna:
        kinds = optuna.distributions
        if draw.kind == "choice":  # among places: Optuna knows no lists as values
            return kinds.CategoricalDistribution(range(len(draw.values)))
        assert draw.low is not None and draw.high is not None
        if not math.isfinite(draw.high - draw.low):
            raise RecipeError(f"`{draw.field}` must be drawn from a smaller range: {draw.span}")
        is_whole = draw.kind in WHOLE and draw.high - draw.low <= WIDE
        kind = kinds.IntDistribution if is_whole else kinds.FloatDistribution
        return kind(draw.low, draw.high, log=draw.kind in LOGARITHMIC)


def value_of(draw: Draw, asked: Any) -> Any:
    """The value of a field that Optuna's choice stands for."""
    return draw.values[asked] if draw.kind == "choice" else draw.near(asked)


def _sampler(name: str, seed: int, batch: int) -> Any:
    samplers = imported("optuna").samplers
    own = int(np.random.SeedSequence(seed).generate_state(1)[0])  # Optuna's seeds have 32 bits
    if name == "random":
        return samplers.RandomSampler(own)
    if name == "tpe":
        return samplers.TPESampler(seed=own, constant_liar=True)
    if name == "nsgaii":  # a batch is a generation
        return samplers.NSGAIISampler(seed=own, population_size=max(2, batch))
    if name == "qmc":
        return samplers.QMCSampler(seed=own, scramble=True, warn_independent_sampling=False)
    if name == "gp":
        return samplers.GPSampler(seed=own, warn_independent_sampling=False)
    imported("cmaes")  # which Optuna would miss only when the first batch has been told
    return samplers.CmaEsSampler(seed=own, warn_independent_sampling=False)


def imported(package: str) -> Any:
    """A package of the extra `search`; MissingExtraError where it is not installed."""
    try:
        return import_module(package)
    except ModuleNotFoundError:
        raise MissingExtraError(
            f"`search` must have the package {package}, which is not installed",
            hint="pip install 'descend[search]'",
        ) from None


@contextmanager
def _quietly() -> Iterator[Any]:
    """Optuna without its log and its warnings, in one thread: two make `gp` ten times as slow."""
    optuna = imported("optuna")
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings(), cpu_threads(1):
            warnings.simplefilter("ignore")
            yield optuna
    finally:
        optuna.logging.set_verbosity(before)
