"""Published rules beside descend: what those of other tools say of networks with known faults.

Cases are JSON files (--cases), as for diagnosis.py; each is told as a recipe and trained, and the
rules, stated anew from what is published of them, read what their tools' monitors would see.
With --descend FILE, written by `diagnosis.py --json FILE`, descend's verdicts on the same cases
stand beside them.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from diagnosis import case_options, folder_of, in_turn, told, write
from side_by_side import machine, one_thread

MOST = 10_000  # training examples of a case; the others are left out, evenly
SECONDS = 300.0


def main() -> None:
    """Train the cases under the tools' eyes, and print the tables."""
    given = options().parse_args()
    if (folder := folder_of(given)) is None:
        return
    from corpus.beside import outcomes_in, verdicts_in
    from corpus.cases import chosen, read
    from corpus.verdicts import Means

    one_thread()
    cases = chosen(read(folder), given.only, given.origin, given.half)
    means = Means(folder, given.data_dir, given.seeds, given.seconds)
    if given.again is not None:
        outcomes = outcomes_in(given.again, cases)
    else:
        outcomes = told(in_turn(partial(outcome, means=means), cases, given.jobs), len(cases))
    ours = verdicts_in(given.descend)
    print(tables(outcomes, ours))
    asked = {name: getattr(given, name) for name in ("only", "origin", "half", "seeds", "seconds")}
    write(given.json, {"asked": asked, **document(outcomes, ours), "machine": machine()})


def options() -> Any:
    """What can be asked on the command line."""
    parser = case_options(__doc__)
    parser.set_defaults(seconds=SECONDS)
    parser.add_argument(
        "--again", type=Path, metavar="FILE", help="what --json wrote before: train nothing"
    )
    parser.add_argument(
        "--descend", type=Path, nargs="+", default=(), metavar="FILE", help="descend's verdicts"
    )
    return parser


def outcome(case: Any, means: Any) -> Any:
    """The verdict of each tool on a case, whatever happens on the way."""
    from corpus.reasons import LeftOut
    from corpus.verdicts import TooLong, at_most

    from descend.errors import DescendError

    began = time.perf_counter()
    if case.has_loop:
        return _nothing(case, "not run", "a loop of its own", began)
    try:
        with at_most(means.seconds), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            recipe, networks = seen_of(case, means)
    except LeftOut as error:
        return _nothing(case, error.state, str(error), began)
    except DescendError as error:
        return _nothing(case, "refused", error.message, began)
    except TooLong:
        return _nothing(case, "too long", f"over {means.seconds:g} s", began)
    return judged_by_all(case, recipe, networks, time.perf_counter() - began)


def seen_of(case: Any, means: Any) -> tuple[Any, list[Any]]:
    """A case as a recipe, and what is to be seen of its networks."""
    from corpus.arrays import as_examples, load
    from corpus.recipes import told as as_recipe
    from published.monitor import watched

    from descend.data.examples import Examples
    from descend.errors import DataError
    from descend.recipe import Recipe

    arrays = load(case, means.folder, means.data_dir)
    recipe = as_recipe(case, arrays)
    every = -(-len(arrays.x) // MOST)
    fewer = replace(arrays, x=arrays.x[::every], y=arrays.y[::every])
    examples = as_examples(fewer, recipe.task, recipe.tree["data"])
    if not isinstance(examples, Examples):
        raise DataError("the data are none that descend trains on")
    return recipe, watched(Recipe.of(recipe.tree), examples, means.seeds)


def judged_by_all(case: Any, recipe: Any, networks: Sequence[Any], seconds: float) -> Any:
    """What every tool says of the networks of a case."""
    from corpus.beside import Outcome
    from published.rules import alarms
    from published.tools import TOOLS

    verdicts: dict[str, Any] = {}
    fires: dict[tuple[str, str], bool] = {}
    for tool in TOOLS:
        found = alarms(tool, networks)
        fires |= {(tool.name, one.name): False for one in tool.symptoms}
        fires |= {(tool.name, one.name): True for one in found}
        is_for = tool.is_for(networks[0])
        verdicts[tool.name] = _verdict(tool, found, recipe, networks[0], seconds, is_for)
    return Outcome(case, verdicts, fires)


def _verdict(
    tool: Any, found: Sequence[Any], recipe: Any, seen: Any, seconds: float, is_for: bool
) -> Any:
    from corpus.verdicts import DONE, Named, Verdict

    if not is_for:
        return Verdict("not for it", f"needs {tool.needs}")
    named = tuple(
        Named(
            code=tool.name,
            name=one.name,
            severity="warning",
            causes=one.causes,
            layers=() if one.layer is None else tuple(recipe.places[one.layer - 1]),
            evidence=f"at step {one.step}",
        )
        for one in found
    )
    share = (found[0].step + 1) / seen.planned_steps if found else None
    return Verdict(DONE, named=named, budget=share, seconds=seconds, notes=tuple(recipe.notes))


def _nothing(case: Any, state: str, reason: str, began: float) -> Any:
    from corpus.beside import Outcome
    from corpus.verdicts import Verdict
    from published.tools import TOOLS

    verdict = Verdict(state, reason, seconds=time.perf_counter() - began)
    fires = {(tool.name, one.name): False for tool in TOOLS for one in tool.symptoms}
    return Outcome(case, {tool.name: verdict for tool in TOOLS}, fires)


def tables(outcomes: Sequence[Any], ours: Mapping[str, Any]) -> str:
    """Tool by tool, rule by rule, and beside what the tools themselves said."""
    from corpus.beside import agreed, left_out, rules_in, summarised
    from published.table import agreements, by_rule, by_tool, causes_of, not_trained
    from published.tools import TOOLS

    names = [tool.name for tool in TOOLS]
    parts = [
        by_tool(TOOLS, summarised(names, outcomes, ours)),
        by_rule(TOOLS, rules_in(outcomes)),
        agreements(agreed(outcomes)),
        causes_of(TOOLS),
        not_trained(left_out(outcomes)),
    ]
    return "\n\n".join(parts)


def document(outcomes: Sequence[Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Everything as JSON."""
    from corpus.beside import agreed, rules_in, summarised
    from published.tools import TOOLS

    summaries = summarised([tool.name for tool in TOOLS], outcomes, ours)
    rules = rules_in(outcomes)
    return {
        "tools": {name: {"summary": a, "descend": b} for name, (a, b) in summaries.items()},
        "rules": [{"tool": tool, "symptom": name, **row} for (tool, name), row in rules.items()],
        "agreement": agreed(outcomes),
        "cases": [
            {
                "id": one.case.id,
                "role": one.case.role,
                "usable_as": one.case.use,
                "verdicts": {name: verdict.to_json() for name, verdict in one.verdicts.items()},
                "fires": [[*symptom, fires] for symptom, fires in one.fires.items()],
            }
            for one in outcomes
        ],
    }


if __name__ == "__main__":
    main()
