"""Examiner: looks at a training before its first step and at its end, and trains nothing itself."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from descend.data.examples import Examples
from descend.diagnosis.baselines import Baselines
from descend.diagnosis.examination import Examination, examine
from descend.diagnosis.known import Known
from descend.diagnosis.reading import without_weights
from descend.diagnosis.recording import planned
from descend.errors import DescendError
from descend.findings.record import Record
from descend.findings.rule import Rule, rules
from descend.network.stack import Stack
from descend.network.weights import Weights
from descend.recipe import Recipe
from descend.training.training import Training

MOST = 10  # networks of a training that are looked at: the first ones
MANY = 100  # networks: of a training of more none is, which would be seen in its time
LONG = 5.0  # seconds: a training that is over sooner is not looked at by rules that are dear
STEPS_A_SECOND, FLOPS_A_SECOND = 1e4, 3e10  # of a core

_log = logging.getLogger(__name__)


@contextmanager
def sparing_the_training() -> Iterator[None]:
    """End no training by a failure to look at it: that is logged.

    What cannot be trained at all is left to the training to say, a lack of memory too.
    """
    try:
        yield
    except (DescendError, MemoryError):
        return
    except Exception as error:
        if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
            return
        if os.environ.get("DESCEND_TRACEBACK"):
            raise
        _log.warning("the examination has failed: %s: %s", type(error).__name__, error)


class Examiner:
    """Examines a training without changing a bit of it: what it runs are networks of its own.

    recipes: those of the training; weights: what its networks begin with in place of what their
    seeds draw; is_unknown: their first weights are given ones that are no longer known.
    """

    def __init__(
        self,
        recipes: Sequence[Recipe],
        examples: Examples,
        device: torch.device | str = "cpu",
        weights: Weights | None = None,
        *,
        is_unknown: bool = False,
    ) -> None:
        self.recipes = [] if len(recipes) > MANY else list(recipes[:MOST])
        self.examples, self.device, self.weights = examples, device, weights
        self.is_unknown = is_unknown
        self.known: Known | None = None
        self.rules: Sequence[Rule] = ()

    def before(self) -> Examination | None:
        """What the rules of the first family find in recipe, examples and first weights.

        To be asked before the training is made, so that its memory and this are not needed at once.
        """
        if not self.recipes:
            return None
        with sparing_the_training():
            records = planned(self.recipes, self.examples, self.device, self.weights)
            if self.is_unknown:
                records = [without_weights(record) for record in records]
            self.known = Known(records, Baselines(self.examples))
            self.rules = rules_for(records[0], self.examples, len(self.recipes))
            return examine(records, [rule for rule in self.rules if rule.family == "before"])
        return None

    def after(
        self, training: Training, stack: Stack, results: Sequence[Mapping[str, Any]]
    ) -> Examination | None:
        """What all rules find in a training that is over; stack: all its networks, as they ended.

        results: the metrics, among others, of each network. None where `before` gave none.
        """
        if self.known is None:
            return None
        metrics = [result["metrics"] for result in results]
        with sparing_the_training():
            records = self.known.records(training, stack, self.examples, metrics)
            return examine(records, self.rules)
        return None


def rules_for(record: Record, examples: Examples, runs: int) -> list[Rule]:
    """The rules that a training can afford, by the steps and products that it will take."""
    batch = record.training.batch_size
    rows = batch if isinstance(batch, int) else len(examples.train)
    products = sum(layer.fan_in * layer.fan_out for layer in record.layers)
    steps = record.planned_steps
    seconds = steps / STEPS_A_SECOND + 6 * products * rows * steps * runs / FLOPS_A_SECOND
    return [rule for rule in rules() if seconds >= LONG or not rule.is_dear]
