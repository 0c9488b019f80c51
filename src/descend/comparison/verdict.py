"""Verdicts: what the seeds of a comparison show, and what they do not, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from descend.comparison.pair import BETTER, ONE_SEED, UNDECIDED, WORSE, Pair

NOTHING_FOLLOWS = "one seed: nothing follows from it"
ALIKE = "all seeds ended alike"

NAMED = 5  # variants in a sentence; the table has them all
MANY = 1000  # more seeds than anybody waits for


def sentence(pair: Pair, metric: str) -> str:
    """What the seeds show of a pair, without a capital and a full stop.

    Accuracy is told in points of per cent, another metric in its own unit; p is Holm's.
    """
    if pair.verdict == ONE_SEED:
        return NOTHING_FOLLOWS
    if pair.wins == pair.losses == 0:
        said = ALIKE
    elif pair.verdict == UNDECIDED:
        said = _undecided(pair, metric)
    else:
        said = (
            f"{pair.verdict}: {_decided(pair, metric)}, {_p(pair.p_holm)} over {pair.seeds} seeds"
        )
    return said + (f"; {pair.diverged} of {pair.seeds} seeds diverged" if pair.diverged else "")


def conclusion(
    names: Sequence[str],
    pairs: Sequence[Pair | None],
    against: int,
    metric: str,
    against_best: bool = False,
) -> str:
    """What the whole comparison shows, in at most four short sentences.

    names, pairs: of each variant; `against`, and whether it was picked because it is best, as
    they were given to `pairs`.
    """
    other = names[against]
    if len(names) == 1:
        return f"{other} is the only variant: there is nothing to compare it with."
    rows = [row for row in range(len(names)) if row != against]
    made = {names[row]: pair for row in rows if (pair := pairs[row]) is not None}
    if not made:
        return f"Nothing can be compared: {other}, or all others, diverged in every seed."
    pair = next(iter(made.values()))
    about = f"{metric} over {pair.seeds} seeds"
    if pair.verdict == ONE_SEED:
        said = [f"One seed: nothing follows from it about {metric}"]
    elif pair.seeds < pair.least_seeds:
        said = [_too_few(pair)]
    elif against_best:
        said = _beside_the_best(other, made, about)
    else:
        said = _beside_a_baseline(other, made, about)
    if unjudged := [names[row] for row in rows if pairs[row] is None]:
        said.append(f"Diverged in every seed and cannot be judged: {_list(unjudged)}")
    return ". ".join(said) + "."


def _beside_the_best(best: str, made: dict[str, Pair], about: str) -> list[str]:
    worse, undecided = _of(made, WORSE), _of(made, UNDECIDED)
    said = f"{best} has the best mean of {about}"
    if not worse:
        others = undecided[0] if len(undecided) == 1 else "none of the others"
        is_not = "is not" if len(undecided) == 1 else "is"
        return [f"{said}, but {others} {is_not} shown to differ from it"]
    if not undecided:
        return [
            said,
            f"{_list(worse)} is worse"
            if len(worse) == 1
            else f"All others are worse: {_list(worse)}",
        ]
    return [said, f"Not shown to differ from it: {_list(undecided)}", f"Worse: {_list(worse)}"]


def _beside_a_baseline(baseline: str, made: dict[str, Pair], about: str) -> list[str]:
    better, worse, undecided = (_of(made, word) for word in (BETTER, WORSE, UNDECIDED))
    if not better and not worse:
        return [f"No variant is shown to differ from {baseline} in {about}"]
    said = []
    if better:
        order = ", the largest difference first" if len(better) > 1 else ""
        said.append(f"Better than {baseline} in {about}{order}: {_list(better)}")
    if worse:
        said.append(f"Worse{'' if better else f' than {baseline} in {about}'}: {_list(worse)}")
    if undecided:
        said.append(f"Not shown to differ from it: {_list(undecided)}")
    return said


def _of(made: dict[str, Pair], verdict: str) -> list[str]:
    """The names with a verdict, the largest difference first."""
    named = [name for name, pair in made.items() if pair.verdict == verdict]
    return sorted(named, key=lambda name: -abs(made[name].difference))


def _list(names: Sequence[str]) -> str:
    if len(names) > NAMED:
        names = [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"]
    # not commas, which names have of their own
    return " and ".join(filter(None, ["; ".join(names[:-1]), names[-1]]))


def _undecided(pair: Pair, metric: str) -> str:
    if pair.seeds < pair.least_seeds:
        return _too_few(pair)
    if pair.p_holm <= pair.alpha:
        seeds = f"better in {pair.wins} seeds, worse in {pair.losses}"
        return f"{UNDECIDED}: {seeds}, and their mean contradicts their ranks"
    if pair.difference == 0:
        return f"{UNDECIDED}: the means are equal"
    if pair.seeds_needed is None:
        return UNDECIDED
    size = _with_unit(abs(pair.difference), pair, metric)
    return f"{UNDECIDED}; {_more_seeds(pair.seeds_needed)} would settle a difference of {size}"


def _too_few(pair: Pair) -> str:
    least = f"at least {pair.least_seeds} are needed"
    return f"{pair.seeds} seeds cannot show a difference at this level: {least}"


def _more_seeds(count: int) -> str:
    if count > MANY:
        return f"more than {MANY:,} more seeds"
    rounded = count if count < 100 else round(count, -1)
    return f"about {rounded:,} more seed{'s' if rounded > 1 else ''}"


def _decided(pair: Pair, metric: str) -> str:
    if pair.difference == 0:
        return f"ahead in {pair.wins} seeds and behind in {pair.losses}, as one side diverged"
    low, high = (_number(end, pair, metric) for end in (pair.low, pair.high) if end is not None)
    is_lower_better = (pair.difference < 0) == (pair.verdict == BETTER)
    note = "; lower is better" if is_lower_better else ""
    sign = "+" if pair.difference > 0 else ""
    said = _with_unit(pair.difference, pair, metric)
    return f"{sign}{said} (95 % {low} to {high}{note})"


def _with_unit(value: float, pair: Pair, metric: str) -> str:
    return _number(value, pair, metric) + (" points" if _is_share(metric) else "")


def _number(value: float, pair: Pair, metric: str) -> str:
    """A value with the decimals that the pair's difference needs, three digits or 0.1 points."""
    scale = 100 if _is_share(metric) else 1
    exponent = math.floor(math.log10(scale * abs(pair.difference)))
    decimals = max(1, -exponent) if _is_share(metric) else max(0, 2 - exponent)
    kind = f",.{decimals}f" if -5 < exponent < 6 else ".2e"
    text = f"{scale * abs(value):{kind}}"
    is_zero = not float(text.replace(",", ""))
    return text if value >= 0 or is_zero else f"\N{MINUS SIGN}{text}"


def _is_share(metric: str) -> bool:
    return metric.rpartition("/")[2] == "accuracy"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p {p:.2g}"
