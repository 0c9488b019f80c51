"""Side by side: the same work by several programs, in turn, started from one process.

They have one thread each, or where `both_cores` says so whatever they use best.

A ratio is taken within a round, where the programs run one after the other: what else the machine
does at that time then slows all of them. Medians over the rounds are printed with their range.

As a program, `python benchmarks/side_by_side.py RESULT.json ...` prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

# Before numpy, torch, JAX or Keras is imported: they read these once.
for _library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"
_XLA_FLAGS = os.environ.get("XLA_FLAGS", "")
os.environ["XLA_FLAGS"] = (
    "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1 " + _XLA_FLAGS
)
sys.path.insert(0, str(ROOT / "src"))  # this tree, installed or not

OURS = "descend"


@dataclass(frozen=True)
class Contender:
    """A program and its share of a round.

    parts: what it does in a round, in order, each timed apart; runs: how many trainings that is, by
    which its times are divided; outcome: its loss, which shows that the work was the same.
    """

    name: str
    parts: Mapping[str, Callable[[], object]]
    runs: float = 1
    outcome: Callable[[], float] | None = None


@dataclass(frozen=True)
class Goal:
    """How many times as long as ours `peer` must take for `part` at least."""

    peer: str
    part: str
    at_least: float


Seconds = dict[str, dict[str, list[float]]]  # of every round, by part and contender


@dataclass
class Result:
    """What was measured: seconds by the clock, and seconds that the processor worked for us."""

    claim: str
    about: str
    unit: str
    goals: Sequence[Goal] = ()
    threads: str = "1 thread"
    seconds: Seconds = field(default_factory=dict)
    processor: Seconds = field(default_factory=dict)
    outcomes: dict[str, float] = field(default_factory=dict)

    def ratios(self, part: str, peer: str, *, of_processor: bool = False) -> list[float]:
        """How many times as long as ours the peer took, round by round."""
        by_name = (self.processor if of_processor else self.seconds)[part]
        return [theirs / ours for theirs, ours in zip(by_name[peer], by_name[OURS], strict=True)]

    def goal(self, part: str, peer: str) -> float | None:
        """The ratio that was aimed at."""
        return next((g.at_least for g in self.goals if (g.part, g.peer) == (part, peer)), None)

    def to_json(self) -> dict[str, Any]:
        """Everything measured, with the medians and ratios."""
        parts = {
            part: {
                name: {
                    "seconds": seconds,
                    "median": median(seconds),
                    "ratio": spread(self.ratios(part, name)),
                    "processor_ratio": spread(self.ratios(part, name, of_processor=True)),
                    "goal": self.goal(part, name),
                }
                for name, seconds in by_name.items()
            }
            for part, by_name in self.seconds.items()
        }
        return {
            "claim": self.claim,
            "about": self.about,
            "unit": self.unit,
            "threads": self.threads,
            "parts": parts,
            "outcomes": self.outcomes,
            "machine": machine(),
        }


def options(about: str | None, rounds: int) -> argparse.ArgumentParser:
    """The options that every script has."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"default {rounds}")
    parser.add_argument("--quick", action="store_true", help="less work and fewer rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there as well")
    return parser


def one_thread() -> None:
    """Hold torch to one thread."""
    import torch

    torch.set_num_threads(1)


def both_cores() -> None:
    """Let JAX use all cores, before it is imported; torch has one thread where nobody says more."""
    one_thread()
    os.environ["XLA_FLAGS"] = _XLA_FLAGS


def as_one(contender: Contender) -> Contender:
    """The same with all its parts timed together, as training."""

    def work() -> None:
        for part in contender.parts.values():
            part()

    return replace(contender, parts={"training": work})


def measure(
    result: Result, contenders: Sequence[Contender], rounds: int, warm_ups: int = 1
) -> Result:
    """Let the contenders work in turn, `rounds` times after the warm-up."""
    for place in range(warm_ups + rounds):
        for contender in contenders:
            taken = {part: _timed(work) for part, work in contender.parts.items()}
            if len(taken) > 1:
                clock, processor = zip(*taken.values(), strict=True)
                taken["together"] = sum(clock), sum(processor)
            if place >= warm_ups:
                for part, times in taken.items():
                    for seconds, time in zip(
                        (result.seconds, result.processor), times, strict=True
                    ):
                        by_name = seconds.setdefault(part, {})
                        by_name.setdefault(contender.name, []).append(time / contender.runs)
    result.outcomes = {c.name: c.outcome() for c in contenders if c.outcome is not None}
    return result


def report(result: Result, path: Path | None) -> None:
    """Print a result, and write it where asked."""
    rounds = len(next(iter(result.seconds["training"].values())))
    print(f"{result.claim}: {result.about}; {rounds} rounds, {result.threads}")
    for part, by_name in result.seconds.items():
        print(
            f"  {f'{part}, {result.unit}':26}{'median (range)':30}times ours (range)   by processor"
        )
        for name, seconds in by_name.items():
            line = f"    {name:24}{_milliseconds(seconds):30}"
            if name != OURS:
                ratios = result.ratios(part, name)
                by_processor = median(result.ratios(part, name, of_processor=True))
                least, middle, most = spread(ratios)
                line += f"{f'{middle:.4g} ({least:.4g}-{most:.4g})':21}{by_processor:.4g}"
                if (goal := result.goal(part, name)) is not None:
                    line += f"  goal {goal:g}: {_verdict(ratios, goal)}"
            print(line)
    if result.outcomes:
        losses = ", ".join(f"{name} {loss:.6g}" for name, loss in result.outcomes.items())
        print(f"  last loss: {losses}")
    if path is not None:
        write(path, result.to_json())


def write(path: Path, result: object) -> None:
    """Add a result to the JSON list at `path`."""
    results = json.loads(path.read_text()) if path.exists() else []
    path.write_text(json.dumps([*results, result], indent=1) + "\n")


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Least, median and largest."""
    return min(values), median(values), max(values)


def machine() -> dict[str, Any]:
    """Where and with what it was measured."""
    versions: dict[str, str] = {
        name: sys.modules[name].__version__
        for name in map(str, ("descend", "torch", "numpy", "jax", "keras"))
        if name in sys.modules
    }
    system = f"{platform.system()} {platform.machine()}"
    return {
        "system": system,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **versions,
    }


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of the processor; less where the machine did something else."""
    begin = perf_counter(), _processor_time()
    work()
    return perf_counter() - begin[0], _processor_time() - begin[1]


def _processor_time() -> float:
    """What this process has had of the processor, with those that it started and that ended."""
    times = os.times()
    return process_time() + times.children_user + times.children_system


def _milliseconds(seconds: Sequence[float]) -> str:
    least, middle, most = (1000 * value for value in spread(seconds))
    digits = max(0, 2 - len(f"{middle:.0f}") + (middle < 1) * 2 + 1)
    return f"{middle:,.{digits}f} ms ({least:,.{digits}f}-{most:,.{digits}f})"


def _verdict(ratios: Sequence[float], goal: float) -> str:
    if median(ratios) < goal:
        return "MISSED"
    return "met" if min(ratios) >= goal else "met, not in every round"


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Results as Markdown: a line for each claim, part and peer."""
    lines = ["| work | part | peer | peer takes | descend takes | ratio (range) | goal |"]
    lines.append("|---|---|---|---|---|---|---|")
    for result in results:
        for part, by_name in result.get("parts", {}).items():
            ours = _milliseconds(by_name[OURS]["seconds"]).partition(" (")[0]
            for name, taken in by_name.items():
                if name == OURS:
                    continue
                least, middle, most = taken["ratio"]
                goal = "" if taken["goal"] is None else f"≥ {taken['goal']:g}"
                theirs = _milliseconds(taken["seconds"]).partition(" (")[0]
                lines.append(
                    f"| {result['claim']} | {part}, {result['unit']} | {name} | {theirs} | {ours} "
                    f"| **{middle:.1f}** ({least:.1f}-{most:.1f}) | {goal} |"
                )
    return "\n".join(lines)


if __name__ == "__main__" and len(sys.argv) > 1:
    print(table([each for path in sys.argv[1:] for each in json.loads(Path(path).read_text())]))
