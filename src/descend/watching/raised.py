"""Raised: what an exception that ends a loop shows of the call that it came from."""

from __future__ import annotations

from collections.abc import Iterator
from traceback import walk_tb
from types import FrameType
from typing import Any

from torch import Tensor, nn

from descend.watching.losses import IGNORED, LossSeen
from descend.watching.tensors import tensors_in

LOSSES = {  # functions of torch.nn.functional that refuse targets, and what a recipe calls them
    "cross_entropy": "cross_entropy",
    "nll_loss": "nll",
    "binary_cross_entropy": "bce",
}


def loss_refused(error: BaseException) -> LossSeen | None:
    """What the loss was given that the exception came from; None where it came from none."""
    for frame in _frames(error):
        name = LOSSES.get(frame.f_code.co_name)
        if name is None or frame.f_globals.get("__name__") != "torch.nn.functional":
            continue
        given, targets = frame.f_locals.get("input"), frame.f_locals.get("target")
        if isinstance(given, Tensor) and isinstance(targets, Tensor):
            shapes = tuple(given.shape), tuple(targets.shape)
            return LossSeen(
                name=name,
                outputs=given.detach(),
                targets=targets.detach(),
                output_shape=shapes[0],
                target_shape=shapes[1],
                ignored=int(frame.f_locals.get("ignore_index", IGNORED)),
            )
    return None


def of_torch(error: BaseException) -> bool:
    """Whether the exception has come out of a call of torch."""
    names = (str(frame.f_globals.get("__name__")) for frame in _frames(error))
    return any(name.partition(".")[0] == "torch" for name in names)


def told(error: BaseException, model: nn.Module, step: int) -> str:
    """At which step the loop ended, and in which module of the network, given what."""
    words = f"descend: the loop ended at step {step:,} with {type(error).__name__}"
    names: dict[Any, str] = {module: name for name, module in model.named_modules()}
    for frame in reversed(list(_frames(error))):
        if (module := _method_of(frame)) in names:
            kind = type(module).__name__ if [*module.children()] else repr(module)
            where = f"{names[module]}, {kind}" if names[module] else kind
            return f"{words} in {where}{_given(frame)}"
    return words


def _method_of(frame: FrameType) -> Any:
    """The module of whose methods a call with arguments is; None of other calls."""
    code = frame.f_code
    owner = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount > 1 else None
    method = getattr(type(owner), code.co_name, None)
    return owner if getattr(method, "__code__", None) is code else None


def _frames(error: BaseException) -> Iterator[FrameType]:
    yield from (frame for frame, _ in walk_tb(error.__traceback__))


def _given(frame: FrameType) -> str:
    """The shapes of what a call was given, and of whole numbers the range."""
    code = frame.f_code
    names = code.co_varnames[1 : code.co_argcount]
    given = [one for name in names for one in tensors_in(frame.f_locals.get(name))]
    return f", which was given {' and '.join(map(_described, given))}" if given else ""


def _described(given: Tensor) -> str:
    kind = str(given.dtype).removeprefix("torch.")
    words = f"{kind} of shape {tuple(given.shape)}"
    if given.is_floating_point() or given.is_complex() or not given.numel():
        return words
    return f"{words} from {int(given.min())} to {int(given.max())}"
