"""Standing: how far a network came in the end, beside what is known to be possible."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from descend.findings.fork import end_of
from descend.findings.measured import NotMeasured, known
from descend.findings.record import Record

SHORT = 0.1  # of accuracy or r²: so much better a simple model may be
TIMES = 2.0  # standard errors
SURE_TIMES = 3.0  # of the better one of two models
ENOUGH = 50  # held-out examples: fewer judge nothing
LOW = 0.3  # of the loss of chance
HALF = 0.5  # of the way that the simple model comes
SIMPLE = ("neighbours", "linear")
CALLED = {"neighbours": "five nearest neighbours", "linear": "a linear model"}
BY_HEART = 0.8  # of the way from chance to perfection, on training examples
LOST = 0.75  # of what a simple model knows of the held-out ones
WIDE = 0.1  # a gap of accuracy or r² that is no matter of taste
OF_NUMBERS = ("regression", "autoencoder")


def does_well(record: Record) -> bool:
    """Whether the training is over and the network knows what there is to know.

    That is what simple models know of held-out examples; where none was tried, nearly everything.
    Of a watched loop nobody has scores: its loss is far below that of a constant answer.
    """
    if not record.is_over or record.status == "diverged":
        return False
    if record.known_loop is not None and not record.metrics:
        return has_low_loss(record)
    try:
        short, limit = shortfall(record)
        return short < limit and learnt(record) > HALF * max(reach(record), 0.0)
    except NotMeasured:
        return False


def has_low_loss(record: Record) -> bool:
    """Whether the loss came far below that of the best constant answer, where that is known."""
    profile = record.known_profile
    if profile is None or not profile.chance_loss or not len(record.losses):
        return False
    return end_of(record.losses) < LOW * profile.chance_loss


@dataclass(frozen=True)
class Beaten:
    """A network that knows its training examples, and of others less than a simple model does.

    own, known, best: accuracy or r² on held-out and on training examples, and the model's on the
    held-out ones.
    """

    split: str
    examples: int
    own: float
    known: float
    model: str
    best: float


def beaten(record: Record) -> Beaten | None:
    """By which simple model, on held-out examples, beyond chance and taste; None by none.

    Raises NotMeasured where nothing was held out, or no model tried.
    """
    name, scores = metric_of(record), scores_of(record)
    split = "validation" if f"validation/{name}" in record.metrics else "test"
    own, known_ones = record.metric(f"{split}/{name}"), record.metric(f"train/{name}")
    if not scores:
        raise NotMeasured
    model = max(scores, key=lambda one: scores[one])
    best, examples = scores[model], record.profile.examples[split]
    error = _error_of_score(best, record, int(record.baselines["examples"]))
    limit = SHORT + SURE_TIMES * error
    knows = known_ones if name == "r2" else above_chance(known_ones, record)
    answers, could = (
        (own, best) if name == "r2" else (above_chance(own, record), above_chance(best, record))
    )
    is_lost = best - own > limit and answers < LOST * could
    if knows < BY_HEART or not is_lost or known_ones - own < WIDE + SURE_TIMES * error:
        return None
    return Beaten(split, examples, own, known_ones, CALLED[model], best)


def _error_of_score(score: float, record: Record, examples: int) -> float:
    """The standard error of an accuracy or r² of so many examples."""
    if metric_of(record) == "r2":
        return (1 - min(max(score, 0.0), 1.0)) * math.sqrt(2 / examples)
    return error_of_share(score, examples)


def error_of_share(value: float, examples: int) -> float:
    """The standard error of a share of so many examples, which is not 0 even of all or none."""
    share = min(max(value, 1 / (examples + 2)), 1 - 1 / (examples + 2))
    return math.sqrt(share * (1 - share) / examples)


def shortfall(record: Record) -> tuple[float, float]:
    """By how much the best simple model is better, and what of that may be chance or taste.

    Accuracy or r², of held-out or of training examples, whichever the network answers better.
    """
    name = metric_of(record)
    own = [record.metrics.get(f"{split}/{name}") for split in ("train", "validation", "test")]
    known_ones = [one for one in own if one is not None and math.isfinite(one)]
    if not known_ones:
        raise NotMeasured
    best = max(scores_of(record).values(), default=1.0)
    examples = record.baselines.get("examples", math.inf)
    error = math.sqrt(max(best * (1 - best), 0.01) / examples)
    return best - max(known_ones), SHORT + TIMES * error


def scores_of(record: Record) -> dict[str, float]:
    """What each simple model scores, as far as any was tried."""
    scores = {
        model: record.baselines.get(f"{model}/{metric_of(record)}", math.nan) for model in SIMPLE
    }
    return {model: score for model, score in scores.items() if math.isfinite(score)}


def metric_of(record: Record) -> str:
    """The task's own metric."""
    return "r2" if record.profile.task in OF_NUMBERS else "accuracy"


def learnt(record: Record) -> float:
    """How far the network came on its training examples: 0 is chance, 1 perfection."""
    if record.profile.task in OF_NUMBERS:
        return record.metric("train/r2")
    return above_chance(record.metric("train/accuracy"), record)


def reach(record: Record) -> float:
    """How far the best simple model comes on held-out examples; 1 where none was tried."""
    best = max(scores_of(record).values(), default=1.0)
    return best if metric_of(record) == "r2" else above_chance(best, record)


def above_chance(accuracy: float, record: Record) -> float:
    """An accuracy as the share of the way from the best constant answer to perfection."""
    chance = chance_accuracy(record)
    return (accuracy - chance) / max(1 - chance, 1e-9)


def chance_accuracy(record: Record) -> float:
    """The share of right answers of the best constant one."""
    profile = record.profile
    if profile.task == "multilabel":
        share = known(profile.raw_targets).mean
        return float(np.maximum(share, 1 - share).mean())
    return known(profile.chance_accuracy)


def held_out_above_chance(record: Record) -> bool:
    """Whether the network knows more of held-out examples than chance gives, two errors away.

    Where nothing was held out: of its training examples, beyond what it may know by heart.
    """
    is_of_numbers = record.profile.task in OF_NUMBERS
    name = "r2" if is_of_numbers else "accuracy"
    chance = 0.0 if is_of_numbers else chance_accuracy(record)
    for split in ("test", "validation"):
        if f"{split}/{name}" in record.metrics:
            examples = record.profile.examples[split]
            error = math.sqrt(max(chance * (1 - chance), 0.05) / examples)
            return record.metric(f"{split}/{name}") > chance + 2 * error
    raise NotMeasured


def simple_above_chance(record: Record) -> bool:
    """Whether a simple model knows more of examples that it has not seen than chance gives."""
    scores = scores_of(record)
    if not scores or record.profile.task not in ("binary", "multiclass", "regression"):
        return False
    chance = 0.0 if record.profile.task == "regression" else chance_accuracy(record)
    error = math.sqrt(max(chance * (1 - chance), 0.05) / record.baselines["examples"])
    return max(scores.values()) > chance + SURE_TIMES * error


def progress(record: Record) -> float:
    """How far the network came on the examples that it is judged by: 0 is chance, 1 perfection."""
    name, split = metric_of(record), _judged_by(record)
    if split is None:
        return learnt(record)
    score = record.metric(f"{split}/{name}")
    return score if name == "r2" else above_chance(score, record)


def error_of(score: float, record: Record) -> float:
    """The standard error of such a progress, by the number of held-out examples that judge it.

    0 where its own examples do, for nobody asks what others would have said.
    """
    split = _judged_by(record)
    if split is None:
        return 0.0
    examples, way = record.profile.examples[split], min(max(score, 0.0), 1.0)
    if metric_of(record) == "r2":
        return (1 - way) * math.sqrt(2 / examples)
    chance = chance_accuracy(record)
    right = chance + way * (1 - chance)
    return math.sqrt(right * (1 - right) / examples) / max(1 - chance, 1e-9)


def _judged_by(record: Record) -> str | None:
    """The split with enough held-out examples; None where there is none."""
    for split in ("validation", "test"):
        enough = record.profile.examples.get(split, 0) >= ENOUGH
        if enough and f"{split}/{metric_of(record)}" in record.metrics:
            return split
    return None
