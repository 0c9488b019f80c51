"""Preparation: how raw values become what a network sees, fitted once and kept with the run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from descend.data.statistics import full_range, mean_and_spread
from descend.errors import DataError

Operand = float | Tensor | None  # None: nothing to do


@dataclass(frozen=True, eq=False)
class Preparation:
    """(x - shift) / scale for inputs and targets, with statistics of the training part only.

    shift, scale: float64, () or (features,); target_shift, target_scale: float64, () or (outputs,).
    Training, evaluation and prediction all go through `inputs`: they cannot be on different scales.
    """

    task: str
    features: int
    outputs: int
    scaling: str
    target_scaling: str
    shift: Float[Tensor, "*features"]
    scale: Float[Tensor, "*features"]
    target_shift: Float[Tensor, "*outputs"]
    target_scale: Float[Tensor, "*outputs"]
    classes: tuple[str, ...] | None = None
    image: tuple[int, int] | None = None
    _operands: dict[Any, tuple[Operand, Operand]] = field(
        default_factory=dict, init=False, repr=False
    )

    @classmethod
    def fit(
        cls,
        x: Shaped[Tensor, "examples *pixels features"],
        y: Shaped[Tensor, "examples *outputs"],
        *,
        task: str,
        outputs: int,
        scaling: str,
        target_scaling: str = "none",
        brightest: int | None = None,
        classes: tuple[str, ...] | None = None,
        image: tuple[int, int] | None = None,
    ) -> Preparation:
        """The preparation of a training part, raw.

        "unit" divides by `brightest`, the largest value that is possible, or brings each feature to
        0..1 where that is None. "standard" gives each feature mean 0 and standard deviation 1; for
        images, whose pixels are one quantity, all pixels share both. A constant feature is only
        shifted.
        """
        shift, scale = _statistics(x, scaling, brightest, image is not None and x.ndim == 2)
        target_shift, target_scale = _statistics(y, target_scaling, None, False)
        return cls(
            task=task,
            features=x.shape[-1],
            outputs=outputs,
            scaling=scaling,
            target_scaling=target_scaling,
            shift=shift,
            scale=scale,
            target_shift=target_shift,
            target_scale=target_scale,
            classes=classes,
            image=image,
        )

    def inputs(
        self,
        x: Shaped[Tensor, "*batch features"],
        out: Float[Tensor, "*batch features"] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Float[Tensor, "*batch features"]:
        """(x - shift) / scale as floats, into `out` if given (which may be x).

        Where nothing is to be done and no `out` is given, the result is x itself.
        """
        if x.shape[-1] != self.features:
            raise DataError(
                f"each example must have {self.features} features: these have {x.shape[-1]}",
                hint="they must be those that the network was trained on, in the same order",
            )
        shift, scale = self._operands_for("inputs", x.device, dtype if out is None else out.dtype)
        return _apply(x, shift, scale, out, dtype)

    def inputs_back(self, x: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch features"]:
        """Prepared inputs on the raw scale again: x * scale + shift."""
        return _undo(x, *self._operands_for("inputs", x.device, x.dtype))

    def targets(
        self, y: Shaped[Tensor, "examples *outputs"], dtype: torch.dtype = torch.float32
    ) -> Shaped[Tensor, "examples *outputs"]:
        """What the network is to give: class numbers as they are, all else as floats, scaled."""
        if self.task == "autoencoder":
            return self.inputs(y, dtype=dtype)
        if y.dtype == torch.int64:
            return y
        return _apply(y, *self._operands_for("targets", y.device, dtype), None, dtype)

    def targets_back(
        self, outputs: Float[Tensor, "*batch outputs"]
    ) -> Float[Tensor, "*batch outputs"]:
        """What the network gives, on the raw scale of the targets."""
        which = "inputs" if self.task == "autoencoder" else "targets"
        return _undo(outputs, *self._operands_for(which, outputs.device, outputs.dtype))

    def to(self, device: torch.device | str) -> Preparation:
        """Itself: the statistics follow the tensors that they are applied to."""
        return self

    def to_json(self) -> str:
        """This preparation as JSON; `from_json` gives it back bit for bit."""
        facts = {name: getattr(self, name) for name in _FIELDS}
        for name in _STATISTICS:
            facts[name] = facts[name].tolist()
        return json.dumps(facts, allow_nan=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Preparation:
        """The preparation that `to_json` wrote; raises DataError for anything else."""
        try:
            facts = json.loads(text)
            facts = {name: facts[name] for name in _FIELDS}
            for name in _STATISTICS:
                facts[name] = torch.tensor(facts[name], dtype=torch.float64)
            for name in ("classes", "image"):
                facts[name] = None if facts[name] is None else tuple(facts[name])
            return cls(**facts)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"a preparation must be JSON that descend wrote: {type(error).__name__} {error}",
                hint="take preparation.json from the run's folder, unchanged",
            ) from None

    def _operands_for(
        self, which: str, device: torch.device, dtype: torch.dtype
    ) -> tuple[Operand, Operand]:
        key = (which, device, dtype)
        if (found := self._operands.get(key)) is not None:
            return found
        shift, scale = (
            (self.shift, self.scale)
            if which == "inputs"
            else (self.target_shift, self.target_scale)
        )
        made = _operand(shift, 0.0, device, dtype), _operand(scale, 1.0, device, dtype)
        self._operands[key] = made
        return made


_STATISTICS = ("shift", "scale", "target_shift", "target_scale")
_FIELDS = (
    *("task", "features", "outputs", "scaling", "target_scaling"),
    *_STATISTICS,
    *("classes", "image"),
)


def _statistics(
    x: Tensor, scaling: str, brightest: int | None, is_one_quantity: bool
) -> tuple[Tensor, Tensor]:
    if scaling == "none":
        return torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    if scaling == "unit" and brightest is not None:
        whole = torch.tensor(float(brightest), dtype=torch.float64)
        return torch.zeros((), dtype=torch.float64), whole
    values = x.reshape(-1, 1 if is_one_quantity else x.shape[-1])
    shift, scale = full_range(values) if scaling == "unit" else mean_and_spread(values)
    return (shift.squeeze(0), scale.squeeze(0)) if is_one_quantity else (shift, scale)


def _operand(values: Tensor, neutral: float, device: torch.device, dtype: torch.dtype) -> Operand:
    if bool((values == neutral).all()):
        return None
    return values.item() if values.ndim == 0 else values.to(device=device, dtype=dtype)


def _apply(
    x: Tensor, shift: Operand, scale: Operand, out: Tensor | None, dtype: torch.dtype
) -> Tensor:
    if out is None:
        if shift is None and scale is None:
            return x.to(dtype)
        out = torch.empty(x.shape, dtype=dtype, device=x.device)
    if x.dtype != out.dtype:
        x = out.copy_(x)
    # True division, not a product with 1/scale: x / 255 is then bit for bit what torchvision gives,
    # where the product differs for 126 of the 256 grey values; it costs 3 µs for 32 x 784 values.
    if shift is not None:
        x = torch.sub(x, shift, out=out)
    if scale is not None:
        x = torch.div(x, scale, out=out)
    return x if x is out else out.copy_(x)


def _undo(x: Tensor, shift: Operand, scale: Operand) -> Tensor:
    if scale is not None:
        x = x * scale
    return x if shift is None else x + shift
