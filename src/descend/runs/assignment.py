"""Assignment: what the folder of a run asks to be trained, and how it is carried out.

A folder that nothing was trained in yet is a task of its own: recipes, seeds, device and a
reference to the data go in; measurements, metrics and weights come out. Whoever has the data can
carry it out, in any process and on any machine.
"""

from __future__ import annotations

from collections.abc import Callable

from descend.compute import cpu_threads, device_named
from descend.data.examples import Examples
from descend.errors import RunError
from descend.recipe import Recipe
from descend.runs.edits import recipes_of
from descend.runs.folder import RunFolder
from descend.runs.session import CHECKPOINT_SECONDS, Examine, Session, Tell
from descend.training.training import Training

OVER = ("finished", "diverged")  # statuses of a run that nothing is left to do for


def carry_out(
    folder: RunFolder,
    examples: Examples,
    *,
    tell: Tell | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    stop: Callable[[], bool] | None = None,
    examine: Examine | None = None,
) -> tuple[Session, str]:
    """Train what a locked folder asks for, from its checkpoint if it has one.

    Returns the session and the status that it ended with.
    """
    facts = folder.read_facts()
    recipes = recipes_of(Recipe.read(folder.recipe), facts)
    state = folder.read_checkpoint()
    if state is None and facts.get("starts_from_model"):
        raise RunError(
            "a run that starts from given weights must have a checkpoint: "
            f"{str(folder.path)!r} has none",
            hint="train it again, as with descend.train(recipe, model=model)",
        )
    with cpu_threads(facts["threads"]):
        session = Session(
            Training(recipes, examples, device_named(facts["device"])),
            folder,
            tell,
            checkpoint_seconds,
            until=facts.get("until"),
            curve_every=facts.get("curve_every", 1),
            stop=stop,
            examine=examine,
        )
        if state is not None:
            session.load(state)
        return session, session.run()
