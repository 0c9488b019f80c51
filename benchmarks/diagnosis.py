"""Networks with known faults, and healthy ones: what is found, what is named, and what is alarmed.

Cases are JSON files (--cases); each is told as a recipe and goes through `check` and `diagnose`.
With --replay nothing is diagnosed: the cases are trained, to see that the recipes mean the same.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from side_by_side import ROOT, machine, one_thread

ASKED = ("only", "origin", "half", "seeds", "seconds")
JOBS = min(4, os.cpu_count() or 1)  # each with one thread
SHARED = ROOT.parent / "shared"
One = TypeVar("One")
Result = TypeVar("Result")


def main() -> None:
    """Diagnose the cases, or replay them, and tell how it went."""
    given = options().parse_args()
    if (folder := folder_of(given)) is None:
        return
    from corpus.cases import chosen, read, twins
    from corpus.verdicts import Means

    one_thread()
    everything = read(folder)
    cases = chosen(everything, given.only, given.origin, given.half)
    means = Means(
        folder,
        given.data_dir,
        given.seeds,
        given.seconds,
        given.check_only,
        cure_seconds=0.0 if given.check_only else given.cure_seconds,
        twins=twins(everything),
    )
    if given.replay:
        from corpus.replay import replay, table

        replays = told(in_turn(partial(replay, means=means), cases, given.jobs), len(cases))
        print(table(replays))
        write(given.json, {"replays": [one.to_json() for one in replays]})
        return
    from corpus.score import Judged, summary
    from corpus.table import table as scores
    from corpus.verdicts import verdict

    verdicts = told(in_turn(partial(verdict, means=means), cases, given.jobs), len(cases))
    judged = [Judged(case, one) for case, one in zip(cases, verdicts, strict=True)]
    print(scores(judged))
    asked = {name: getattr(given, name) for name in (*ASKED, "cure_seconds")}
    write(
        given.json,
        {
            "asked": {**asked, "check_only": given.check_only},
            "summary": summary(judged),
            "cases": [one.to_json() for one in judged],
            "machine": machine(),
        },
    )


def options() -> argparse.ArgumentParser:
    """What can be asked on the command line."""
    parser = case_options(__doc__)
    parser.add_argument("--check-only", action="store_true", help="look, and train nothing")
    parser.add_argument(
        "--cure-seconds",
        type=float,
        default=60,
        help="what proving and trying a cure may take; 0 cures nothing",
    )
    parser.add_argument("--replay", action="store_true", help="train the cases as they are told")
    return parser


def case_options(description: str | None) -> argparse.ArgumentParser:
    """What can be asked of every script that goes through the cases."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--cases", type=Path, metavar="DIR", help="the folder of the case files")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write cases and summary there")
    parser.add_argument("--only", metavar="GLOB", help="the cases with such names, as 'so-*'")
    parser.add_argument("--origin", help="the cases of one origin")
    parser.add_argument("--half", choices=("A", "B"), help="tune on one half, report the other")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help="processes")
    parser.add_argument("--seeds", type=int, default=3, help="networks for each case, default 3")
    parser.add_argument(
        "--seconds", type=float, default=120, help="of the processor, for each case"
    )
    parser.add_argument("--data-dir", type=Path, help="where MNIST is, if not in DESCEND_DATA")
    return parser


def folder_of(given: argparse.Namespace) -> Path | None:
    """The folder of the case files; None where none was named and there is none."""
    folder: Path = given.cases or SHARED / "corpus"
    if folder.is_dir():
        return folder
    missing = f"no cases: {folder} is not there; name a folder with --cases"
    if given.cases:
        sys.exit(missing)
    print(missing)  # all benchmarks run in a row without options, and this one has no work
    return None


def in_turn(work: Callable[[One], Result], cases: Sequence[One], jobs: int) -> Iterator[Result]:
    """The results in order, as they come; in so many processes."""
    if jobs <= 1:
        yield from map(work, cases)
        return
    with get_context("spawn").Pool(jobs, one_thread) as pool:
        yield from pool.imap(work, cases)


def told(results: Iterable[Result], of: int) -> list[Result]:
    """All results, with how far it is on stderr."""
    done = []
    for number, result in enumerate(results, start=1):
        done.append(result)
        if sys.stderr.isatty():
            print(f"\r{number} of {of}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return done


def write(path: Path | None, document: dict[str, Any]) -> None:
    """Write the document where it is asked for."""
    if path is not None:
        path.write_text(json.dumps(document, indent=1, default=str) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
