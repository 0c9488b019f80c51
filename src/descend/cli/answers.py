"""What is shown of predictions: a picture of one, a table of many, or a document."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from descend.cli.output import put, put_json, put_table

if TYPE_CHECKING:
    from torch import Tensor

    from descend.cli.predict import Asked
    from descend.runs.predictions import Predictions
    from descend.runs.run import Run

MOST_VALUES = 6  # in one line
MOST_BARS = 20  # classes; of more only the likeliest are drawn
PROBABLE = ("bce", "cross_entropy", "nll")  # the outputs of other losses are no probabilities
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

    def named(self, values: Tensor) -> str:
        """Predicted or true values of one example as text."""
        if self.task in QUANTITIES:
            shown = [f"{value:.5g}" for value in values.flatten()[:MOST_VALUES].tolist()]
            rest = f", … ({values.numel()} values)" if values.numel() > MOST_VALUES else ""
            return ", ".join(shown) + rest
        if self.task == "multilabel":
            chosen = [c for c, is_on in zip(self.classes, values.tolist(), strict=True) if is_on]
            return ", ".join(chosen) or "none"
        if self.task == "pixels":
            counts = values.bincount(minlength=len(self.classes)).tolist()
            return ", ".join(f"{n} {c}" for c, n in zip(self.classes, counts, strict=True) if n)
        return self.classes[int(values)]

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
        put(f"predicted: {self.named(self.predictions.values[0])}")
        if self.truth is not None:
            put(f"truth:     {self.named(self.truth[0])} ({self.verdict(0)})")
        if self.predictions.probabilities is not None and self.task != "pixels":
            put()
            self._put_bars(self.predictions.probabilities[0].tolist())

    def _put_bars(self, values: list[float]) -> None:
        places = list(range(len(values)))
        if len(places) > MOST_BARS:
            places = sorted(places, key=lambda place: -values[place])[:MOST_BARS]
        label = max(len("class"), *(len(self.classes[place]) for place in places))
        columns = shutil.get_terminal_size().columns
        room = max(5, min(columns, 80) - label - len(self.word) - 5)
        rows = [
            [self.classes[place], f"{values[place]:.4f}", "█" * round(room * clamp(values[place]))]
            for place in places
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
        for row in range(len(self)):
            cells = [str(row), self.named(values[row])]
            if shows_probability and probabilities is not None:
                cells.append(f"{float(probabilities[row, int(values[row])]):.4f}")
            if self.truth is not None:
                cells += [self.named(self.truth[row]), self.verdict(row)]
            rows.append(cells)
        put_table(header, rows, align)


def clamp(value: float) -> float:
    """`value` between 0 and 1; NaN is 0."""
    return min(max(value, 0.0), 1.0) if value == value else 0.0
