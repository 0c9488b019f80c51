"""Keras 3 on torch: `model.fit(..., callbacks=[WatchCallback()])`.

Keras calls its layers past torch's hooks, and its optimizers are none of torch's. For the time of a
training, each layer is called through a module of torch that stands for it and has the same
parameters, and each step is taken through an optimizer of torch that hands it on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from descend.errors import NetworkError
from descend.integrations.callback import Watching, library

keras: Any = library("keras")
Callback: Any = keras.callbacks.Callback

ABSENT = object()


class WatchCallback(Watching, Callback):
    """Watches what `fit` does to a model of Keras 3 whose backend is torch.

    A model that is compiled with `jit_compile=True` shows nothing.
    """

    def __init__(self, **options: Any) -> None:
        if keras.backend.backend() != "torch":
            raise NetworkError(
                f"the backend of Keras must be torch: {keras.backend.backend()}",
                hint="KERAS_BACKEND=torch, before keras is imported",
            )
        super().__init__(**options)
        self._changed: list[tuple[Any, str, Any]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        model: Any = self.model
        self.end("stopped early")
        self.name = self.name or model.name
        standing = self._stand_in(model, {})
        steps = steps_of(model.optimizer, [one.value for one in model.trainable_variables])
        self._change(model.optimizer, "apply", steps.take)
        self.begin(standing, steps)

    def on_train_end(self, logs: Any = None) -> None:
        self.end()

    def end(self, status: str = "finished") -> None:
        """Stop the watch, and have Keras call its layers itself again."""
        super().end(status)
        while self._changed:
            owner, name, before = self._changed.pop()
            vars(owner).pop(name)
            if before is not ABSENT:
                vars(owner)[name] = before

    def _stand_in(self, layer: Any, known: dict[int, StandIn]) -> StandIn:
        """Have a layer and all below it called through modules of torch; each one once."""
        if id(layer) in known:
            return known[id(layer)]
        module = StandIn(layer.call)
        if bends_by_itself(layer):
            self._change(layer, "activation", module.between(layer.activation))
            self._change(layer, "call", module.remember)
        else:
            self._change(layer, "call", module)
        known[id(layer)] = module
        for variable in layer._trainable_variables:
            module.take(variable.name, variable.value)
        for below in layer._flatten_layers(include_self=False, recursive=False):
            module.add_module(below.name.replace(".", "_"), self._stand_in(below, known))
        return module

    def _change(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute of this one object, past what Keras does when one is set."""
        self._changed.append((owner, name, vars(owner).get(name, ABSENT)))
        vars(owner)[name] = value


class StandIn(nn.Module):
    """A module of torch that stands for a layer of Keras and calls it.

    Of a layer that applies an activation to its sums, the sums alone are what the module gives.
    """

    def __init__(self, call: Callable[..., Any]) -> None:
        super().__init__()
        self._call = call
        self._given: tuple[Any, ...] = ()

    def forward(self, *given: Any, sums: Tensor | None = None, **named: Any) -> Any:
        return self._call(*given, **named) if sums is None else sums

    def remember(self, *given: Any, **named: Any) -> Any:
        """Call the layer, and know what it was given when its sums are there."""
        self._given = given
        try:
            return self._call(*given, **named)
        finally:
            self._given = ()

    def between(self, activation: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The activation, with this module between the sums and it."""
        return lambda sums: activation(self(*self._given, sums=sums))

    def take(self, name: str, value: Tensor) -> None:
        """Have one of the layer's parameters; Keras has a layer's units along the last axis."""
        if isinstance(value, nn.Parameter):
            self.register_parameter(name.replace(".", "_"), value)
            if value.dim() > 1:
                self.out_features = int(value.shape[-1])


class Steps(torch.optim.Optimizer):
    """An optimizer of torch that hands each step on to one of Keras."""

    def __init__(self, optimizer: Any, parameters: Iterable[Tensor]) -> None:
        names = ("momentum", "weight_decay")
        known = {name: getattr(optimizer, name, None) for name in names}
        super().__init__(list(parameters), {"lr": float(optimizer.learning_rate), **known})
        self._apply = optimizer.apply
        self._given: tuple[Any, ...] = ()
        if taken := int(optimizer.iterations):
            for group in self.param_groups:
                self.state[group["params"][0]]["step"] = taken

    def take(self, *given: Any) -> None:
        """Take a step with gradients and variables as Keras gives them."""
        self._given = given
        self.step()
        self._given = ()

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        self._apply(*self._given)


def steps_of(optimizer: Any, parameters: Iterable[Tensor]) -> Steps:
    """An optimizer of torch that is called like the one of Keras that it hands its steps on to."""
    kind: type[Steps] = type(type(optimizer).__name__, (Steps,), {})
    return kind(optimizer, parameters)


def bends_by_itself(layer: Any) -> bool:
    """Whether a layer applies an activation to its sums, as a dense or convolutional one does."""
    has_sums = hasattr(layer, "kernel") and not hasattr(layer, "recurrent_kernel")
    return has_sums and callable(getattr(layer, "activation", None))
