"""What people write with JAX: one compiled program for a whole epoch, a scan over its steps."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy
import torch
from side_by_side import Contender
from torch import nn

from peers.images import Images
from peers.in_torch import XorTutorial, classifier

IS_HERE = find_spec("jax") is not None

if IS_HERE:
    import jax
    import jax.numpy as jnp
    from jax import lax

    jax.config.update("jax_platforms", "cpu")

Tree = Any  # of arrays


def _forward(parameters: Tree, statistics: Tree, x: Any, is_training: bool) -> tuple[Any, Tree]:
    """Logits and the running statistics afterwards."""
    after = []
    for place, layer in enumerate(parameters):
        x = x @ layer["w"] + layer["b"]
        if "scale" in layer:
            mean, var = statistics[place]
            if is_training:
                now, spread = x.mean(axis=0), x.var(axis=0)
                unbiased = spread * (len(x) / (len(x) - 1))
                after.append((mean + 0.1 * (now - mean), var + 0.1 * (unbiased - var)))
                mean, var = now, spread
            x = (x - mean) * lax.rsqrt(var + 1e-5) * layer["scale"] + layer["shift"]
        else:
            after.append(statistics[place])
        if place < len(parameters) - 1:
            x = jax.nn.relu(x)
    return x, after


def _cross_entropy(logits: Any, y: Any) -> Any:
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1)
    return -chosen.mean()


class OnImages:
    """Adam over shuffled batches; the images stay on the device as floats."""

    def __init__(
        self, images: Images, hidden: list[int], batch: int, lr: float, batch_norm: bool
    ) -> None:
        torch.manual_seed(777)
        layers = [layer for layer in classifier(hidden, False) if isinstance(layer, nn.Linear)]
        self.parameters = [
            {
                "w": jnp.asarray(layer.weight.detach().numpy().T),
                "b": jnp.asarray(layer.bias.detach().numpy()),
            }
            for layer in layers
        ]
        self.statistics: Tree = [None] * len(layers)
        if batch_norm:
            for place, units in enumerate(hidden):
                self.parameters[place] |= {"scale": jnp.ones(units), "shift": jnp.zeros(units)}
                self.statistics[place] = (jnp.zeros(units), jnp.ones(units))
        zeros = jax.tree.map(jnp.zeros_like, self.parameters)
        self.moments = (zeros, jax.tree.map(jnp.zeros_like, self.parameters), jnp.zeros(()))
        x, x_test = (jnp.asarray(part.numpy()) for part in images.as_floats())
        y, y_test = (jnp.asarray(part.numpy(), jnp.int32) for part in (images.y, images.y_test))
        self.splits = [(x, y), (x_test, y_test)]
        self.key = jax.random.key(777)
        self.run = jax.jit(partial(self._epoch, batch=batch, lr=lr), donate_argnums=(0, 1, 2))
        self.score = jax.jit(self._score)

    def epoch(self) -> None:
        self.key, key = jax.random.split(self.key)
        state = self.parameters, self.statistics, self.moments
        self.parameters, self.statistics, self.moments, costs = self.run(
            *state, key, *self.splits[0]
        )
        self.cost = float(costs.mean())

    def evaluate(self) -> None:
        for x, y in self.splits:
            loss, accuracy = self.score(self.parameters, self.statistics, x, y)
            self.scores = float(loss), float(accuracy)

    @staticmethod
    def _epoch(
        parameters: Tree,
        statistics: Tree,
        moments: Tree,
        key: Any,
        x: Any,
        y: Any,
        *,
        batch: int,
        lr: float,
    ) -> tuple[Tree, Tree, Tree, Any]:
        steps = len(x) // batch
        order = jax.random.permutation(key, len(x))[: steps * batch].reshape(steps, batch)

        def loss(parameters: Tree, statistics: Tree, rows: Any) -> tuple[Any, Tree]:
            logits, after = _forward(parameters, statistics, x[rows], is_training=True)
            return _cross_entropy(logits, y[rows]), after

        def step(state: Tree, rows: Any) -> tuple[Tree, Any]:
            parameters, statistics, (mean, square, count) = state
            (cost, statistics), slope = jax.value_and_grad(loss, has_aux=True)(
                parameters, statistics, rows
            )
            count = count + 1
            mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, slope)
            square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, slope)
            rate, root = lr / (1 - 0.9**count), jnp.sqrt(1 - 0.999**count)
            parameters = jax.tree.map(
                lambda p, m, v: p - rate * m / (jnp.sqrt(v) / root + 1e-8), parameters, mean, square
            )
            return (parameters, statistics, (mean, square, count)), cost

        state, costs = lax.scan(step, (parameters, statistics, moments), order)
        return *state, costs

    @staticmethod
    def _score(parameters: Tree, statistics: Tree, x: Any, y: Any) -> tuple[Any, Any]:
        logits, _ = _forward(parameters, statistics, x, is_training=False)
        return _cross_entropy(logits, y), (logits.argmax(axis=1) == y).mean()


def on_images(
    images: Images,
    hidden: list[int],
    batch: int,
    *,
    lr: float,
    batch_norm: bool = False,
    evaluates: bool = False,
) -> list[Contender]:
    """JAX, where it is installed."""
    if not IS_HERE:
        return []
    loop = OnImages(images, hidden, batch, lr, batch_norm)
    parts = {"training": loop.epoch}
    if evaluates:
        parts["evaluation"] = loop.evaluate
    return [Contender("jax", parts, outcome=lambda: loop.cost)]


class OnImagesWithSeeds:
    """The same with many seeds: what vmap makes of an epoch, each seed in its own order."""

    def __init__(
        self, images: Images, hidden: list[int], batch: int, lr: float, seeds: int
    ) -> None:
        one = OnImages(images, hidden, batch, lr, batch_norm=False)
        self.data = one.splits[0]
        trees = []
        for seed in range(777, 777 + seeds):
            torch.manual_seed(seed)
            layers = [layer for layer in classifier(hidden, False) if isinstance(layer, nn.Linear)]
            trees.append(
                [
                    {"w": layer.weight.detach().numpy().T, "b": layer.bias.detach().numpy()}
                    for layer in layers
                ]
            )
        self.parameters = jax.tree.map(lambda *parts: jnp.asarray(numpy.stack(parts)), *trees)
        zeros = jax.tree.map(jnp.zeros_like, self.parameters)
        self.moments = zeros, jax.tree.map(jnp.zeros_like, zeros), jnp.zeros(seeds)
        self.keys = jax.random.split(jax.random.key(777), seeds)
        self.statistics: Tree = [None] * len(layers)
        epoch = partial(OnImages._epoch, batch=batch, lr=lr)
        over_seeds = jax.vmap(epoch, in_axes=(0, None, 0, 0, None, None))
        self.run = jax.jit(over_seeds, donate_argnums=(0, 2))

    def epoch(self) -> None:
        self.keys, keys = jnp.moveaxis(jax.vmap(jax.random.split)(self.keys), 1, 0)
        self.parameters, _, self.moments, costs = self.run(
            self.parameters, self.statistics, self.moments, keys, *self.data
        )
        self.cost = float(costs.mean())


def on_images_with_seeds(
    images: Images, hidden: list[int], batch: int, *, lr: float, seeds: int, epochs: int
) -> list[Contender]:
    """JAX, where it is installed; its seeds train on from round to round."""
    if not IS_HERE:
        return []
    loop = OnImagesWithSeeds(images, hidden, batch, lr, seeds)

    def train() -> None:
        for _ in range(epochs):
            loop.epoch()

    return [Contender("jax", {"training": train}, runs=seeds * epochs, outcome=lambda: loop.cost)]


class Xor:
    """The XOR network with each seed: a scan over the steps of what vmap makes of one network."""

    def __init__(self, seeds: int, steps: int) -> None:
        self.seeds, self.steps = seeds, steps
        self.x, self.y = jnp.asarray(XorTutorial.x), jnp.asarray(XorTutorial.y)
        self.run = jax.jit(self._train)

    def set_up(self) -> None:
        networks = []
        for seed in range(777, 777 + self.seeds):
            torch.manual_seed(seed)
            layers = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
            networks.append(
                [p.detach().numpy() for layer in layers for p in (layer.weight.T, layer.bias)]
            )
        self.parameters = [jnp.asarray(numpy.stack(part)) for part in zip(*networks, strict=True)]

    def train(self) -> None:
        self.costs = self.run(self.parameters).block_until_ready()

    def last_loss(self) -> float:
        return float(self.costs[-1, 0])

    def _cost(self, parameters: Tree) -> Any:
        w1, b1, w2, b2 = parameters
        output = jax.nn.sigmoid(jax.nn.sigmoid(self.x @ w1 + b1) @ w2 + b2)
        return -(self.y * jnp.log(output) + (1 - self.y) * jnp.log(1 - output)).mean()

    def _train(self, parameters: Tree) -> Any:
        slopes = jax.vmap(jax.value_and_grad(self._cost))

        def step(parameters: Tree, _: None) -> tuple[Tree, Any]:
            costs, slope = slopes(parameters)
            return jax.tree.map(lambda p, g: p - g, parameters, slope), costs

        return lax.scan(step, parameters, None, length=self.steps)[1]


def on_xor(seeds: int, steps: int) -> list[Contender]:
    """JAX, where it is installed."""
    if not IS_HERE:
        return []
    xor = Xor(seeds, steps)
    parts = {"set-up": xor.set_up, "training": xor.train}
    return [Contender("jax", parts, runs=seeds, outcome=xor.last_loss)]
