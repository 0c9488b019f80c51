"""`descend compare`: train variants of a recipe over many seeds, and say which is better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from descend.cli import options
from descend.cli.output import tell_of_downloads
from descend.cli.usage import Bytes, OneOf, Whole

if TYPE_CHECKING:
    from descend.comparison.comparing import Prepared

SEARCHES = ("tpe", "gp", "cmaes", "nsgaii", "qmc", "random")


@click.command("compare")
@click.argument("recipes", metavar="RECIPE...", nargs=-1, required=True)
@click.option(
    "--vary",
    multiple=True,
    metavar="FIELD=A,B,...",
    help="Values of a field; several fields are combined. May be given many times.",
)
@click.option("--zip", "zipped", is_flag=True, help="Take the values of all --vary side by side.")
@click.option(
    "--sample",
    "sample",
    type=(Whole(1), str),
    multiple=True,
    metavar="N FIELD=RANGE",
    help="Draw a field N times at random: log:1e-4..1, 0..0.5, int:1..8 or a,b,c.",
)
@options.edits
@click.option(
    "--seeds",
    type=Whole(1),
    metavar="N",
    help="Seeds in a row for every variant; 10, or the file's, if absent.",
)
@options.seed
@options.epochs
@click.option(
    "--metric",
    metavar="NAME",
    help="What decides, such as test/accuracy; the task's on held-out data if absent.",
)
@click.option(
    "--target",
    type=float,
    metavar="VALUE",
    help="The value of the metric from which on a network has learnt.",
)
@click.option("--baseline", metavar="NAME", help="The variant to compare with; the best if absent.")
@click.option(
    "--halving",
    type=Whole(2),
    is_flag=False,
    flag_value=3,
    metavar="[N]",
    help="After each rung only the best one in N variants goes on; 3 if N is absent.",
)
@click.option(
    "--search",
    type=OneOf(SEARCHES),
    metavar="SAMPLER",
    help=f"Let Optuna choose the samples: {', '.join(SEARCHES)}.",
)
@click.option("--batch", type=Whole(1), metavar="N", help="Samples that --search asks for at once.")
@click.option("--plan", is_flag=True, help="Show stacks, memory and expected time, and end.")
@click.option(
    "--memory", type=Bytes(), metavar="SIZE", help="Memory to use, such as 4GB; half of the free."
)
@click.option(
    "--processes",
    type=Whole(1),
    metavar="N",
    help="Processes of one thread each; as many as there are cores if absent.",
)
@click.option("--yes", is_flag=True, help="Also train more than 10,000 networks.")
@options.out
@options.data_dir
@options.device
@options.as_json
@options.quiet
def command(
    recipes: tuple[str, ...],
    edits: tuple[str, ...],
    data_dir: str | None,
    as_json: bool,
    quiet: bool,
    plan: bool,
    yes: bool,
    vary: tuple[str, ...],
    sample: tuple[tuple[int, str], ...],
    **asked: Any,
) -> int:
    """Train variants of a recipe over many seeds, and say which is better.

    RECIPE is a .toml file, a lab or a source of examples; a file or lab that is itself a comparison
    needs nothing else. Several of them are compared as they are. Variants with the same seed start
    from the same draws and see the same batches, so that their differences can be tested in pairs.

    \b
    descend compare digits --vary network.activation=relu,tanh --seeds 20
    descend compare moons --vary training.lr=0.1,0.01 --vary network.dropout=0,0.5
    descend compare moons --vary network.hidden=[32],[64,64]
    descend compare digits --sample 60 training.lr=log:1e-4..1 --halving
    descend compare initialisation --plan

    The exit code is 0 whatever the verdict; a variant that diverges or cannot be built is a row
    with its reason.
    """
    from descend.api import compare
    from descend.cli.comparison import Narrator, PlanShown, put_plan, show
    from descend.intake import as_comparison
    from descend.recipe.edits import parse_edit

    tell_of_downloads(quiet)

    def look_at(prepared: Prepared) -> None:
        if plan:
            put_plan(prepared, as_json)
            raise PlanShown
        narrator.begin(prepared, "" if as_json else story)

    varied = _varied(recipes, vary, sample)
    story = "" if varied else as_comparison(recipes[0])[2].story
    with Narrator.telling(quiet) as narrator:
        try:
            comparison = compare(
                recipes[0],
                **varied,
                **{name: value for name, value in asked.items() if value is not None},
                edits=dict(parse_edit(edit) for edit in edits),
                data_dir=data_dir,
                tell=narrator.tell,
                before=look_at,
                is_large_allowed=yes,
            )
        except PlanShown:
            return 0
    return show(comparison, as_json)


def _varied(
    recipes: tuple[str, ...], vary: tuple[str, ...], sample: tuple[tuple[int, str], ...]
) -> dict[str, Any]:
    """What varies, as `descend.compare` takes it."""
    from descend.comparison.axis import check_once, parse_axis
    from descend.comparison.draws import parse_draw
    from descend.errors import RecipeError
    from descend.intake import as_recipe

    varied: dict[str, Any] = {}
    if len(recipes) > 1:
        if vary or sample:
            raise RecipeError(
                "several RECIPEs must be compared as they are: --vary or --sample was given too",
                hint="give one RECIPE",
            )
        varied["recipes"] = {name: recipe for recipe, name in map(as_recipe, recipes[1:])}
    if vary:
        axes = [parse_axis(text) for text in vary]
        check_once(axis.field for axis in axes)
        varied["vary"] = {axis.field: axis.values for axis in axes}
    if sample:
        counts = {count for count, _ in sample}
        if len(counts) > 1:
            raise RecipeError(
                f"`--sample` must have one number for all fields: {', '.join(map(str, counts))}",
                hint="fields are drawn together, each sample has a value for all of them",
            )
        varied["samples"] = counts.pop()
        check_once(parse_draw(text).field for _, text in sample)
        spans = (text.partition("=") for _, text in sample)
        varied["sample"] = {field.strip(): span for field, _, span in spans}
    return varied
