"""`descend labs`: list the experiments of the tutorials."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING, Any

import click

from descend.cli import options
from descend.cli.output import put, put_json, styled

if TYPE_CHECKING:
    from descend.laboratory import Lab

MARK = "*"  # of labs that are comparisons as well


@click.command("labs")
@options.as_json
@options.quiet
def command(as_json: bool, quiet: bool) -> int:
    """List the experiments of the tutorials, in their order.

    \b
    descend labs
    descend labs --json
    """
    from descend.laboratory import labs

    found = labs()
    if as_json:
        put_json([document(lab) for lab in found])
        return 0
    width = min(shutil.get_terminal_size().columns, 100)
    label = max(len(label_of(lab)) for lab in found) + 4
    for tutorial in dict.fromkeys(lab.tutorial for lab in found):
        put(styled(tutorial, bold=True))
        for lab in found:
            if lab.tutorial == tutorial:
                for line in entry(lab, label, width):
                    put(line)
        put()
    put("descend lab NAME runs one and shows its result beside the expected one,")
    put(f"descend compare NAME one with a {MARK} over seeds, to a verdict")
    return 0


def entry(lab: Lab, label: int, width: int) -> list[str]:
    """Name and title, wrapped beside the name."""
    room = max(width - label, 20)
    first, *others = textwrap.wrap(lab.title, room) or [""]
    return [f"  {label_of(lab):{label - 2}}{first}", *(" " * label + line for line in others)]


def label_of(lab: Lab) -> str:
    """Its name, marked where it is a comparison too."""
    return lab.name if lab.compare is None else f"{lab.name} {MARK}"


def document(lab: Lab) -> dict[str, Any]:
    """A lab as plain data."""
    return {
        "name": lab.name,
        "tutorial": lab.tutorial,
        "title": lab.title,
        "story": lab.story,
        "data": lab.recipe.data.source,
        "epochs": lab.recipe.training.epochs,
        "variants": [variant.name for variant in lab.variants],
        "is_comparison": lab.compare is not None,
        "expectations": [
            {
                "what": one.what,
                "variant": one.variant,
                "expected": one.expected,
                "source": one.source,
            }
            for one in lab.expectations
        ],
    }
