"""A module as the subject of a preflight: copies of it, which alone are trained and asked."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from descend.diagnosis.preflight.subject import RATES, ROWS, STEPS, Answers, Fit
from descend.errors import NetworkError

Criterion = Callable[[Any, Any], Tensor]
SEED = 0  # of what is drawn while a copy computes
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
# What a recipe calls the losses that average over a batch.
LOSSES: Mapping[Any, str] = {
    nn.MSELoss: "mse",
    nn.L1Loss: "l1",
    nn.CrossEntropyLoss: "cross_entropy",
    nn.NLLLoss: "nll",
    nn.BCELoss: "bce",
    nn.BCEWithLogitsLoss: "bce",
    functional.mse_loss: "mse",
    functional.l1_loss: "l1",
    functional.cross_entropy: "cross_entropy",
    functional.nll_loss: "nll",
    functional.binary_cross_entropy: "bce",
    functional.binary_cross_entropy_with_logits: "bce",
}


class ModuleSubject:
    """A module, a batch of it and its loss.

    Raises NetworkError where it cannot be copied, has no parameters, or does not take the batch.
    """

    def __init__(
        self, module: nn.Module, batch: tuple[Tensor, Tensor], criterion: Criterion
    ) -> None:
        module = getattr(module, "_orig_mod", module)  # what torch.compile has wrapped
        parameters = dict(module.named_parameters())
        if not parameters:
            raise NetworkError("a module to look at must have parameters: it has none")
        self.module = copied(module).train()
        self.criterion = copied(criterion) if isinstance(criterion, nn.Module) else criterion
        device = next(iter(parameters.values())).device
        self.x, self.y = (part.detach()[:ROWS].to(device) for part in batch)
        self.loss = name_of(criterion)
        owned = list(owners(self.module))
        self.layers: Sequence[str] = [label for label, _ in owned]
        self.frozen: Sequence[str] = [
            label for label, own in owned if not any(one.requires_grad for one in own.values())
        ]
        self.normalised: Sequence[str] = [
            label_of(name, one)
            for name, one in self.module.named_modules()
            if isinstance(one, _BatchNorm)
        ]
        self._try()

    def _try(self) -> None:
        """Raise NetworkError where the batch does not lead to one number."""
        shapes = f"inputs {tuple(self.x.shape)}, targets {tuple(self.y.shape)}"
        try:
            with drawing_alike():
                value = self.criterion(copied(self.module)(self.x), self.y)
        except Exception as error:  # whatever anybody's module raises is told as its own
            words = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            raise NetworkError(
                f"module and loss must take the batch: {words}",
                hint=f"batch=(x, y) with {shapes}; the loss is called as loss(model(x), y)",
            ) from error
        if not isinstance(value, Tensor) or value.numel() != 1:
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise NetworkError(
                f"the loss must be one number: {shape}", hint='for example with reduction="mean"'
            )
        if not value.requires_grad and len(self.frozen) < len(self.layers):
            return  # cut off from every parameter: that is for the checks to say

    def fit(self, enough: float) -> Fit:
        """Copies trained one after the other at different rates, until one has learnt enough."""
        best: Fit | None = None
        for rate in RATES:
            fit = self._fit(rate, enough)
            if (
                best is None
                or min(fit.losses) < min(best.losses)
                or not math.isfinite(best.losses[0])
            ):
                best = fit
            if min(best.losses) <= enough:
                break
        assert best is not None
        return best

    def _fit(self, rate: float, enough: float) -> Fit:
        module = without_dropout(copied(self.module))
        owned = list(owners(module))
        before = [[one.detach().clone() for one in own.values()] for _, own in owned]
        largest: list[float | None] = [None] * len(owned)
        trained = [one for one in module.parameters() if one.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=rate) if trained else None
        losses: list[float] = []
        with drawing_alike():
            for step in range(STEPS + 1):
                module.zero_grad(set_to_none=True)
                loss = self.criterion(module(self.x), self.y)
                losses.append(float(loss.detach()))
                is_over = losses[-1] <= enough or not math.isfinite(losses[-1])
                if step == STEPS or is_over or optimizer is None or not loss.requires_grad:
                    break
                loss.backward()
                for place, (_, own) in enumerate(owned):
                    size = gradient_size(own.values())
                    if size is not None:
                        largest[place] = max(largest[place] or 0.0, size)
                optimizer.step()
        moves = [distance(old, own.values()) for old, (_, own) in zip(before, owned, strict=True)]
        return Fit(losses, largest, moves)

    def answers(self, x: Tensor, y: Tensor) -> Answers:
        """Outputs of a copy without batch normalisation, and the slope of the loss by them."""
        module = without_batch_norm(copied(self.module))
        with drawing_alike():
            with torch.no_grad():
                outputs = module(x)
            leaf = outputs.detach().clone().requires_grad_()
            (slopes,) = torch.autograd.grad(self.criterion(leaf, y), leaf, allow_unused=True)
        return Answers(leaf.detach(), torch.zeros_like(leaf) if slopes is None else slopes)

    def twin(self) -> ModuleTwin | None:
        """The module in float64, None where what it gives is not."""
        criterion = self.criterion
        if isinstance(criterion, nn.Module):
            criterion = copied(criterion).double()
        try:
            x, y = (one.double() if one.is_floating_point() else one for one in (self.x, self.y))
            twin = ModuleTwin(copied(self.module).double(), x, y, criterion)
            return twin if twin.value().dtype == torch.float64 else None
        except (RuntimeError, TypeError):  # types that do not go together, a device without it
            return None


class ModuleTwin:
    """A copy of a module in float64, with its batch."""

    def __init__(self, module: nn.Module, x: Tensor, y: Tensor, criterion: Criterion) -> None:
        self.module, self.x, self.y, self.criterion = module, x, y, criterion
        self.trained = {n: one for n, one in module.named_parameters() if one.requires_grad}
        for one in self.trained.values():
            one.data = one.data.contiguous()

    @property
    def parameters(self) -> Mapping[str, Tensor]:
        return {name: one.data.view(-1) for name, one in self.trained.items()}

    def value(self) -> Tensor:
        with drawing_alike():
            return self.criterion(self.module(self.x), self.y)

    def loss(self) -> float:
        with torch.no_grad():
            return float(self.value())

    def gradients(self) -> Mapping[str, Tensor]:
        value = self.value()
        if not value.requires_grad:
            return {}
        found = torch.autograd.grad(value, list(self.trained.values()), allow_unused=True)
        pairs = zip(self.trained, found, strict=True)
        return {name: one.to_dense().reshape(-1) for name, one in pairs if one is not None}


def copied(module: Any) -> Any:
    """A copy that shares nothing; NetworkError where there can be none."""
    try:
        return copy.deepcopy(module)
    except Exception as error:  # whatever anybody's module holds
        raise NetworkError(
            f"a module must be copied to be looked at: {type(error).__name__}: {error}",
            hint="it may hold a tensor that was computed, a file or a lock: keep it elsewhere",
        ) from error


def owners(module: nn.Module) -> Iterator[tuple[str, dict[str, nn.Parameter]]]:
    """Each module with parameters of its own, by its label; those that are shared, once."""
    seen: set[int] = set()
    for name, one in module.named_modules():
        own = {n: p for n, p in one.named_parameters(recurse=False) if id(p) not in seen}
        seen |= {id(parameter) for parameter in own.values()}
        if own:
            yield label_of(name, one), own


def label_of(name: str, module: nn.Module) -> str:
    """`fc1 (Linear)`."""
    kind = type(module).__name__
    return f"{name} ({kind})" if name else kind


def name_of(criterion: Any) -> str | None:
    """What a recipe calls the loss; None for one of another kind, or with more to it."""
    if not isinstance(criterion, nn.Module):
        return LOSSES.get(criterion)
    settings = ("weight", "pos_weight")
    is_plain = all(getattr(criterion, name, None) is None for name in settings)
    is_plain &= not getattr(criterion, "label_smoothing", 0.0)
    is_mean = getattr(criterion, "reduction", "mean") == "mean"
    return LOSSES.get(type(criterion)) if is_plain and is_mean else None


def gradient_size(parameters: Any) -> float | None:
    """The root mean square of the gradients of a layer; None where there are none."""
    gradients = [one.grad for one in parameters if one.grad is not None]
    if not gradients:
        return None
    squares = sum(float(one.detach().double().square().sum()) for one in gradients)
    return math.sqrt(squares / sum(one.numel() for one in gradients))


def distance(before: list[Tensor], after: Any) -> float:
    """How far the weights of a layer went, in their own size; 0 where nothing moved."""
    pairs = [(old.double(), new.detach().double()) for old, new in zip(before, after, strict=True)]
    way = math.sqrt(sum(float((new - old).square().sum()) for old, new in pairs))
    size = math.sqrt(sum(float(old.square().sum()) for old, _ in pairs))
    return way / size if way and size else way


def without_dropout(module: nn.Module) -> nn.Module:
    """The module with the rate of each dropout set to 0."""
    for one in module.modules():
        if isinstance(one, DROPOUTS):
            one.p = 0.0
    return module


def without_batch_norm(module: nn.Module) -> nn.Module:
    """The module with every batch normalisation handing on what it is given."""
    for one in module.modules():
        if isinstance(one, _BatchNorm):
            one.forward = _handed_on  # type: ignore[assignment]
    return module


def _handed_on(x: Tensor) -> Tensor:
    return x


@contextmanager
def drawing_alike() -> Iterator[None]:
    """Each time the same random numbers, without touching those of anybody else."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    with torch.random.fork_rng(devices):
        torch.manual_seed(SEED)
        yield
