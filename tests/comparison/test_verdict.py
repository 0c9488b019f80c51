"""Verdicts in words: what is said follows from the numbers and does not contradict them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from descend.comparison.pair import BETTER, ONE_SEED, UNDECIDED, WORSE, Pair
from descend.comparison.statistics import pairs
from descend.comparison.verdict import conclusion, sentence

ACCURACY, LOSS = "test/accuracy", "test/loss"


def pair(**known: object) -> Pair:
    """A pair of 20 seeds, better by 1.2 points, but for what is given."""
    facts: dict[str, object] = {
        "seeds": 20,
        "difference": 0.012,
        "low": 0.008,
        "high": 0.016,
        "effect": 1.3,
        "wins": 17,
        "losses": 2,
        "ties": 1,
        "diverged": 0,
        "test": "Wilcoxon",
        "p": 0.001,
        "p_holm": 0.002,
        "alpha": 0.05,
        "verdict": BETTER,
        "least_seeds": 6,
        "seeds_needed": 0,
    }
    return Pair(**facts | known)  # type: ignore[arg-type]


def undecided(**known: object) -> Pair:
    """A pair of 20 seeds that shows no difference, but for what is given."""
    facts = {"verdict": UNDECIDED, "p_holm": 0.3, "difference": 0.003, "seeds_needed": 14}
    return pair(**facts | known)


@pytest.mark.parametrize(
    ("given_pair", "metric", "expected"),
    [
        (pair(), ACCURACY, "better: +1.2 points (95 % 0.8 to 1.6), p 0.002 over 20 seeds"),
        (
            pair(verdict=WORSE, difference=-0.012, low=-0.016, high=-0.008),
            ACCURACY,
            "worse: −1.2 points (95 % −1.6 to −0.8), p 0.002 over 20 seeds",
        ),
        (
            pair(difference=-0.01234, low=-0.02, high=-0.01, p_holm=1e-7),
            LOSS,
            "better: −0.0123 (95 % −0.0200 to −0.0100; lower is better), p < 0.001 over 20 seeds",
        ),
        (
            pair(verdict=WORSE, difference=4321.0, low=-0.4, high=8000.0, p_holm=0.041),
            "test/rmse",
            "worse: +4,321 (95 % 0 to 8,000; lower is better), p 0.041 over 20 seeds",
        ),
        (
            pair(difference=1.5e-7, low=1e-8, high=3e-7),
            "test/r2",
            "better: +1.50e-07 (95 % 1.00e-08 to 3.00e-07), p 0.002 over 20 seeds",
        ),
        (
            pair(diverged=3),
            ACCURACY,
            "better: +1.2 points (95 % 0.8 to 1.6), p 0.002 over 20 seeds; 3 of 20 seeds diverged",
        ),
        (
            pair(verdict=WORSE, difference=0.0, low=0.0, high=0.0, wins=0, losses=10, diverged=10),
            ACCURACY,
            "worse: ahead in 0 seeds and behind in 10, as one side diverged, "
            "p 0.002 over 20 seeds; 10 of 20 seeds diverged",
        ),
        (
            undecided(),
            ACCURACY,
            "no difference shown; about 14 more seeds would settle a difference of 0.3 points",
        ),
        (
            undecided(difference=-0.0003, seeds_needed=1),
            ACCURACY,
            "no difference shown; about 1 more seed would settle a difference of 0.03 points",
        ),
        (
            undecided(difference=-0.5, seeds_needed=237),
            LOSS,
            "no difference shown; about 240 more seeds would settle a difference of 0.500",
        ),
        (
            undecided(seeds_needed=10**15),
            ACCURACY,
            "no difference shown; more than 1,000 more seeds would settle "
            "a difference of 0.3 points",
        ),
        (
            undecided(difference=0.0, seeds_needed=None),
            ACCURACY,
            "no difference shown: the means are equal",
        ),
        (undecided(seeds_needed=None), ACCURACY, "no difference shown"),
        (
            undecided(p_holm=0.01, difference=-0.2),
            ACCURACY,
            "no difference shown: better in 17 seeds, worse in 2, "
            "and their mean contradicts their ranks",
        ),
        (
            undecided(seeds=5),
            ACCURACY,
            "5 seeds cannot show a difference at this level: at least 6 are needed",
        ),
        (undecided(wins=0, losses=0, ties=20), ACCURACY, "all seeds ended alike"),
        (
            pair(seeds=1, verdict=ONE_SEED, low=None, high=None),
            ACCURACY,
            "one seed: nothing follows from it",
        ),
    ],
)
def test_a_pair_in_words(given_pair, metric, expected) -> None:
    """Each verdict has its sentence, with the numbers that it rests on."""
    assert sentence(given_pair, metric) == expected


finite = st.floats(-1e9, 1e9).map(lambda number: number / 1e3)


@given(
    values=st.integers(1, 20).flatmap(
        lambda seeds: st.lists(
            st.lists(st.one_of(st.just(np.nan), finite), min_size=seeds, max_size=seeds),
            min_size=2,
            max_size=2,
        )
    ),
    shift=st.sampled_from([0.0, 1e3, -1e6]),
    metric=st.sampled_from([ACCURACY, LOSS, "test/r2"]),
)
def test_words_and_signs_do_not_contradict_each_other(values, shift, metric) -> None:
    """Whatever the numbers: a sentence, whose sign, direction and word agree."""
    values = np.array(values) + np.array([[0.0], [shift]])
    higher_is_better = metric != LOSS
    found = pairs(values, 0, higher_is_better)[1]
    if found is None:
        return
    said = sentence(found, metric)
    assert not re.search("nan|inf|None", said)
    if signed := re.match(r"(better|worse): ([+−])", said):
        word, sign = signed.groups()
        assert (word == "better") == ((sign == "+") == higher_is_better)
        assert ("lower is better" in said) == (not higher_is_better)


def test_the_best_and_what_is_not_shown_to_differ_from_it() -> None:
    """Against the best: what is worse, what is not shown to differ, what cannot be judged."""
    names = ["he", "xavier", "normal", "zeros", "huge"]
    made = [None, undecided(), pair(verdict=WORSE, difference=-0.1), pair(verdict=WORSE), None]
    assert conclusion(names, made, 0, ACCURACY, against_best=True) == (
        "he has the best mean of test/accuracy over 20 seeds. "
        "Not shown to differ from it: xavier. Worse: normal and zeros. "
        "Diverged in every seed and cannot be judged: huge."
    )
    assert conclusion(names[:2], made[:2], 0, ACCURACY, against_best=True) == (
        "he has the best mean of test/accuracy over 20 seeds, "
        "but xavier is not shown to differ from it."
    )
    assert conclusion(names[2::-2], made[2::-2], 1, ACCURACY, against_best=True) == (
        "he has the best mean of test/accuracy over 20 seeds. normal is worse."
    )


def test_a_baseline_and_what_is_better_or_worse() -> None:
    """Against a baseline: what is better, with the largest difference first, worse, undecided."""
    names = ["sgd", "adam", "rmsprop", "rprop", "asgd"]
    made = [None, pair(), pair(difference=0.1), pair(verdict=WORSE), undecided()]
    assert conclusion(names, made, 0, LOSS) == (
        "Better than sgd in test/loss over 20 seeds, the largest difference first: "
        "rmsprop and adam. Worse: rprop. Not shown to differ from it: asgd."
    )
    assert conclusion(["sgd", "rprop"], [None, made[3]], 0, LOSS) == (
        "Worse than sgd in test/loss over 20 seeds: rprop."
    )
    assert conclusion(["sgd", "asgd"], [None, made[4]], 0, LOSS) == (
        "No variant is shown to differ from sgd in test/loss over 20 seeds."
    )


def test_a_long_list_is_cut() -> None:
    """Of many variants a sentence names the first and counts the others."""
    names = ["best", *(f"v{place}" for place in range(59))]
    made = [None, *[pair(verdict=WORSE)] * 59]
    assert conclusion(names, made, 0, LOSS, against_best=True).endswith(
        "All others are worse: v0; v1; v2; v3 and 55 more."
    )


def test_a_conclusion_from_too_little_says_so() -> None:
    """One seed, too few seeds, one variant, no numbers: nothing is concluded."""
    one = pair(seeds=1, verdict=ONE_SEED)
    assert conclusion(["a", "b"], [None, one], 0, LOSS, against_best=True) == (
        "One seed: nothing follows from it about test/loss."
    )
    assert conclusion(["a", "b"], [None, undecided(seeds=5)], 0, LOSS) == (
        "5 seeds cannot show a difference at this level: at least 6 are needed."
    )
    assert conclusion(["a"], [None], 0, LOSS) == (
        "a is the only variant: there is nothing to compare it with."
    )
    assert conclusion(["a", "b"], [None, None], 0, LOSS) == (
        "Nothing can be compared: a, or all others, diverged in every seed."
    )
