"""Executor: advances a stack by k steps. The seam behind which steps may be fused or compiled."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from descend.data.batches import Batch
from descend.network.losses import Objective
from descend.network.passes import TrainingPass
from descend.network.stack import Stack
from descend.optimizers.clipping import clip_norm, clip_value
from descend.optimizers.optimizer import Optimizer, Part
from descend.recipe import Recipe
from descend.trace.trace import Trace
from descend.training.denormals import flushed_denormals
from descend.training.rates import Rates


class Executor:
    """Plain torch, one step after the other.

    At a step where the loss of any run is not finite it returns before its time: `diverged` then
    says which runs, and these have the weights that gave such a loss. On a GPU, where reading a
    number is waiting, it looks at the losses after the last step instead.
    """

    def __init__(
        self,
        stack: Stack,
        objective: Objective,
        optimizer: Optimizer,
        rates: Rates,
        trace: Trace,
        recipes: Sequence[Recipe],
    ) -> None:
        self.stack, self.objective = stack, objective
        self.optimizer, self.rates, self.trace = optimizer, rates, trace
        self.recipes = list(recipes)
        self.needs_loss = recipes[0].training.optimizer == "lbfgs"
        self.looks_each_step = stack.theta.device.type == "cpu"
        self.renew()

    def renew(self) -> None:
        """Make passes for the stack as it is now."""
        self.passes: dict[int, TrainingPass] = {}
        self.clip_norm = self._limits("clip_norm")
        self.clip_value = self._limits("clip_value")
        self.diverged: Int64[Tensor, " diverged"] | None = None

    def advance(
        self, step: int, batches: Iterable[Batch], active: Int64[Tensor, " runs"]
    ) -> Float[Tensor, "steps runs"]:
        """The loss of every run at `step` and the following ones, each before its update."""
        with torch.inference_mode(), flushed_denormals():
            return self._advance(step, batches, active)

    def _advance(
        self, step: int, batches: Iterable[Batch], active: Int64[Tensor, " runs"]
    ) -> Float[Tensor, "steps runs"]:
        stack, optimizer, trace = self.stack, self.optimizer, self.trace
        losses = []
        for batch in batches:
            training = self._pass_for(batch)
            loss = training.forward(*batch, step)
            losses.append(loss)
            is_sampled = trace.wants(step)
            if self.looks_each_step and not math.isfinite(loss.sum().item()):
                self._look_at(loss)
            sample = None
            if is_sampled or (self.diverged is not None and trace.is_on):
                sample = trace.open(training, stack, loss, active)
            training.backward()
            if sample:
                sample.gradient()
            self._clip()
            self.rates.before(step)
            if sample:
                sample.update(self._parts(training, batch, step, loss))
                trace.close(step, sample, None if is_sampled else self.diverged)
            elif self.needs_loss:
                self._step_with_closure(training, batch, step, loss)
            else:
                optimizer.step(stack.theta, stack.gradient)
            step += 1
            if self.diverged is not None:
                stack.theta[self.diverged] = self.evidence
                break
        taken = torch.stack(losses)
        if not self.looks_each_step:
            self._look_at(taken.sum(dim=0))
        return taken

    def keep(self, rows: Int64[Tensor, " kept"]) -> None:
        """Only these runs of the stack go on."""
        self.recipes = [self.recipes[row] for row in rows.tolist()]
        self.optimizer.keep(rows)
        self.rates.keep(rows)
        self.stack.keep(rows)
        self.renew()

    def _pass_for(self, batch: Batch) -> TrainingPass:
        size = batch.x.shape[1]
        if size not in self.passes:
            is_fault = self.recipes[0].training.reduction == "sum_weights"
            factor = float(size) if is_fault else 1.0
            self.passes[size] = TrainingPass(self.stack, self.objective, size, factor)
        return self.passes[size]

    def _parts(
        self, training: TrainingPass, batch: Batch, step: int, loss: Float[Tensor, " runs"]
    ) -> Iterable[Part]:
        """The optimizer's step, to be taken by whoever measures it."""
        if not self.needs_loss:
            return self.optimizer.parts(self.stack.theta, self.stack.gradient)
        whole = slice(0, self.stack.theta.shape[1])
        return [Part(whole, partial(self._step_with_closure, training, batch, step, loss))]

    def _step_with_closure(
        self, training: TrainingPass, batch: Batch, step: int, loss: Float[Tensor, " runs"]
    ) -> None:
        def again() -> Float[Tensor, " runs"]:
            value = training.forward(*batch, step) + training.penalty()
            training.backward()
            self._clip()
            return value

        loss = loss + training.penalty()
        self.optimizer.step(self.stack.theta, self.stack.gradient, again, loss)

    def _clip(self) -> None:
        if self.clip_norm is not None:
            clip_norm(self.stack.gradient, self.clip_norm)
        if self.clip_value is not None:
            clip_value(self.stack.gradient, self.clip_value)

    def _look_at(self, loss: Float[Tensor, " runs"]) -> None:
        rows = (~loss.isfinite()).nonzero().flatten()
        if len(rows):
            self.evidence = self.stack.theta[rows]
            self.diverged = rows.cpu()

    def _limits(self, name: str) -> Float[Tensor, "runs 1"] | None:
        given = [getattr(recipe.training, name) for recipe in self.recipes]
        if all(limit is None for limit in given):
            return None
        limits = [math.inf if limit is None else limit for limit in given]
        return self.stack.theta.new_tensor(limits).unsqueeze(1)
