"""Backwards: who is told of backward passes, for which torch has no hook of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch


class Listener(Protocol):
    """Somebody who is told of every backward pass of this process.

    before_backward: whether to be told of its end, too. Of a backward pass within another one, as
    checkpointing begins them, nobody is told.
    """

    def before_backward(self, roots: Any) -> bool: ...

    def after_backward(self) -> None: ...


_listeners: list[Listener] = []
_original: Callable[..., None] = torch.autograd.backward
_is_inside = False


def _backward(tensors: Any, *args: Any, **kwargs: Any) -> None:
    """`torch.autograd.backward`, of which `descend.watch` is told while it runs."""
    global _is_inside
    if _is_inside:
        return _original(tensors, *args, **kwargs)
    _is_inside = True
    waiting: tuple[Listener, ...] = ()
    try:
        for listener in _listeners:
            if listener.before_backward(tensors):
                waiting += (listener,)
        _original(tensors, *args, **kwargs)
    finally:
        _is_inside = False
    for listener in waiting:
        listener.after_backward()


def listen(listener: Listener) -> None:
    """Tell `listener` of backward passes from now on.

    Every `loss.backward()` looks `torch.autograd.backward` up by its name: another function stands
    there while anybody listens.
    """
    global _original
    if not _listeners and torch.autograd.backward is not _backward:
        _original = torch.autograd.backward
        torch.autograd.backward = _backward
    _listeners.append(listener)


def ignore(listener: Listener) -> None:
    """Tell `listener` nothing more; the last one leaves all as it was found."""
    if listener in _listeners:
        _listeners.remove(listener)
    # where somebody has put a function of theirs around ours, it stays, and ours passes on
    if not _listeners and torch.autograd.backward is _backward:
        torch.autograd.backward = _original
