"""What is shown of predictions: a picture of one, a table of many, or a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from descend.cli.output import put, put_json, put_table
from descend.cli.tables import NARROW, WIDE, put_fitting, room_for_tables
from descend.cli.texts import columns, shortened

if TYPE_CHECKING:
    from torch import Tensor

    from descend.cli.predict import Asked
    from descend.runs.predictions import Predictions
    from descend.runs.run import Run

MOST_VALUES = 6  # in one line
MOST_BARS = 20  # classes; of more only the likeliest are drawn
PROBABLE = ("bce", "cross_entropy", "nll")  # the outputs of other losses are no probabilities
NOUNS = {"multilabel": "labels", "pixels": "classes"}  # of what is left out
QUANTITIES = ("regression", "autoencoder")


def show(
    run: Run, name: str, place: int, predictions: Predictions, asked: Asked, as_json: bool
) -> None:
    """Print what network `place` of a run predicts."""
    answers = Answers(run, predictions, asked)
    if as_json:
        rows = [answers.document(row) for row in range(len(answers))]
        put_json({"run": name, "seed": run.seeds[place], "predictions": rows})
    elif len(answers) == 1:
        answers.put_one()
    else:
        answers.put_all()


class Answers:
    """Predictions in the words of the task."""

    def __init__(self, run: Run, predictions: Predictions, asked: Asked) -> None:
        self.task = run.preparation.task
        self.predictions = predictions
        self.classes = predictions.classes or ()
        self.truth, self.name = asked.y, asked.name
        self.word = "probability" if run.recipe.training.loss in PROBABLE else "output"

    def __len__(self) -> int:
        return len(self.predictions.values)

    def named(self, values: Tensor, room: int | None = None) -> str:
        """Predicted or true values of one example as text; room: for as many as fit in it."""
        parts = self._parts(values)
        count = values.numel() if self.task in QUANTITIES else len(parts)
        in_all = f", … ({count} {NOUNS.get(self.task, 'values')})"
        while True:
            text = ", ".join(parts) + (in_all if len(parts) < count else "")
            if room is None or len(text) <= room or len(parts) == 1:
                return text
            parts = parts[:-1]

    def _parts(self, values: Tensor) -> list[str]:
        if self.task in QUANTITIES:
            return [f"{value:.5g}" for value in values.flatten()[:MOST_VALUES].tolist()]
        if self.task == "multilabel":
            chosen = [c for c, is_on in zip(self.classes, values.tolist(), strict=True) if is_on]
            return chosen or ["none"]
        if self.task == "pixels":
            counts = values.bincount(minlength=len(self.classes)).tolist()
            return [f"{n} {c}" for c, n in zip(self.classes, counts, strict=True) if n]
        return [self.classes[int(values)]]

    def verdict(self, row: int) -> str:
        """`right`, `wrong`, the share of pixels that are right, or how far off the values are."""
        assert self.truth is not None
        value, truth = self.predictions.values[row], self.truth[row]
        if self.task in QUANTITIES:
            return f"off by {float((value - truth).double().square().mean().sqrt()):.4g}"
        if self.task == "pixels":
            return f"{float((value == truth).double().mean()):.4f} of the pixels right"
        return "right" if self.named(value) == self.named(truth) else "wrong"

    def document(self, row: int) -> dict[str, Any]:
        """One prediction as plain data."""
        value = self.predictions.values[row]
        found: dict[str, Any] = {}
        if self.task in QUANTITIES:
            found["values"] = value.flatten().tolist()
        elif self.task == "multilabel":
            found["labels"] = dict(zip(self.classes, value.int().tolist(), strict=True))
        elif self.task == "pixels":
            found["classes"] = [self.classes[k] for k in value.tolist()]
        else:
            found["class"] = self.classes[int(value)]
        if self.predictions.probabilities is not None and self.task != "pixels":
            found[f"{self.word[:-1]}ies" if self.word == "probability" else "outputs"] = dict(
                zip(self.classes, self.predictions.probabilities[row].tolist(), strict=True)
            )
        if self.truth is not None:
            found["truth"] = self._true_document(self.truth[row])
        return found

    def _true_document(self, truth: Tensor) -> Any:
        if self.task in QUANTITIES:
            return truth.flatten().tolist()
        if self.task == "multilabel":
            return dict(zip(self.classes, truth.int().tolist(), strict=True))
        if self.task == "pixels":
            return [self.classes[k] for k in truth.tolist()]
        return self.classes[int(truth)]

    def put_one(self) -> None:
        """One prediction, its probabilities as bars, and the truth."""
        if self.name:
            put(f"example:   {self.name}")
        room = room_for_tables() - len("predicted: ")
        put(f"predicted: {self.named(self.predictions.values[0], room)}")
        if self.truth is not None:
            verdict = f" ({self.verdict(0)})"
            put(f"truth:     {self.named(self.truth[0], room - len(verdict))}{verdict}")
        if self.predictions.probabilities is not None and self.task != "pixels":
            put()
            self._put_bars(self.predictions.probabilities[0].tolist())

    def _put_bars(self, values: list[float]) -> None:
        places = list(range(len(values)))
        if len(places) > MOST_BARS:
            places = sorted(places, key=lambda place: -values[place])[:MOST_BARS]
        names = [shortened(self.classes[place], WIDE) for place in places]
        label = max(len("class"), *map(len, names))
        room = max(5, columns() - label - len(self.word) - 5)
        rows = [
            [name, f"{values[place]:.4f}", "█" * round(room * clamp(values[place]))]
            for name, place in zip(names, places, strict=True)
        ]
        put_table(["class", self.word, ""], rows, "<><")

    def put_all(self) -> None:
        """A row for each prediction."""
        values, probabilities = self.predictions.values, self.predictions.probabilities
        shows_probability = probabilities is not None and self.task in ("binary", "multiclass")
        header, align, rows = ["example", "predicted"], "><", []
        if shows_probability:
            header, align = [*header, self.word], f"{align}>"
        if self.truth is not None:
            header, align = [*header, "truth", ""], f"{align}<<"
        verdicts = [] if self.truth is None else list(map(self.verdict, range(len(self))))
        columns_taken = 13 + max(map(len, verdicts), default=0)
        room = (room_for_tables() - columns_taken) // (2 if verdicts else 1)
        for row in range(len(self)):
            cells = [str(row), self.named(values[row], room)]
            if shows_probability and probabilities is not None:
                cells.append(f"{float(probabilities[row, int(values[row])]):.4f}")
            if self.truth is not None:
                cells += [self.named(self.truth[row], room), verdicts[row]]
            rows.append(cells)
        has_numbers = self.task in (*QUANTITIES, "pixels")  # none of which may be cut
        words = [] if has_numbers else [one for one in ("predicted", "truth") if one in header]
        put_fitting(header, rows, align, dict.fromkeys(words, NARROW), [self.word])


def clamp(value: float) -> float:
    """`value` between 0 and 1; NaN is 0."""
    return min(max(value, 0.0), 1.0) if value == value else 0.0
