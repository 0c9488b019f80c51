"""Backwards: who is told of backward passes, for which torch has no hook of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch


class Listener(Protocol):
    """Somebody who is told of every backward pass of this process, before and after."""

    def before_backward(self, roots: Any) -> None: ...

    def after_backward(self) -> None: ...


_listeners: list[Listener] = []
_original: Callable[..., None] = torch.autograd.backward


def _backward(tensors: Any, *args: Any, **kwargs: Any) -> None:
    """`torch.autograd.backward`, of which `descend.watch` is told while it runs."""
    told = tuple(_listeners)
    for listener in told:
        listener.before_backward(tensors)
    try:
        _original(tensors, *args, **kwargs)
    finally:
        for listener in reversed(told):
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
