"""Sound networks at random, each beside itself with a single fault: what is found, and what not.

Nothing here was there when the rules were written: problems, recipes and faults are drawn anew for
each --seed. Both of a pair are trained first. A sound one must learn, and a fault must be seen in
the score, or in what the recipe says; pairs in which it is not are reported apart.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from diagnosis import JOBS, in_turn, told, write
from side_by_side import machine, one_thread


def main() -> None:
    """Draw the pairs, diagnose both of each, and tell how it went."""
    given = options().parse_args()
    one_thread()
    from corpus.mutations import MUTATIONS
    from corpus.mutations.pairs import Drawn
    from corpus.score import summary
    from corpus.table import table

    names = [name for name in MUTATIONS if fnmatchcase(name, given.only)]
    pairs = [Drawn(name, number, given.seed) for number in range(given.number) for name in names]
    limits = {"seconds": given.seconds, "cure_seconds": given.cure_seconds}
    work = partial(judged, **limits, seeds=given.seeds)
    found = told(in_turn(work, pairs, given.jobs), len(pairs))
    everything = [one for both in found for one in both]
    print(table(everything))
    asked = {name: getattr(given, name) for name in ("only", "number", "seed", "seeds", "seconds")}
    write(
        given.json,
        {
            "asked": asked,
            "summary": summary(everything),
            "cases": [one.to_json() for one in everything],
            "machine": machine(),
        },
    )


def options() -> argparse.ArgumentParser:
    """What can be asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=2, metavar="N", help="pairs of each fault")
    parser.add_argument("--seed", type=int, default=0, help="other problems, recipes and faults")
    parser.add_argument("--only", metavar="GLOB", default="*", help="the faults with such names")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write cases and summary there")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help="processes")
    parser.add_argument("--seeds", type=int, default=3, help="networks for each case, default 3")
    parser.add_argument("--seconds", type=float, default=60, help="the limit for each case")
    parser.add_argument(
        "--cure-seconds", type=float, default=20, help="the limit for each cure; 0 cures nothing"
    )
    return parser


def judged(drawn: Any, *, seconds: float, cure_seconds: float, seeds: int) -> list[Any]:
    """A pair, the sound one first, each beside the verdict on it."""
    from corpus.mutations import MUTATIONS
    from corpus.mutations.pairs import pair
    from corpus.score import Judged
    from corpus.verdicts import Means, verdict

    both = {case.id: (case, prepared) for case, prepared in pair(drawn)}
    if not both:
        return []
    (sound, _), (sick, _) = both.values()
    means = Means(
        Path(), seeds=seeds, seconds=seconds, cure_seconds=cure_seconds, twins={sick.id: sound}
    )
    if not MUTATIONS[drawn.name].is_curable:
        means = replace(means, cure_seconds=0.0)
    return [
        Judged(case, verdict(case, means, lambda asked, _: both[asked.id][1]))
        for case in (sound, sick)
    ]


if __name__ == "__main__":
    main()
