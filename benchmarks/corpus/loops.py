"""Loops: a case's own training loop in plain torch, with its habits, for somebody to watch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor, nn

from descend.findings.record import Record
from descend.watching.watch import Watch

from .arrays import Arrays
from .cases import Case
from .plain import LEAST, Network, blocks_of, criterion_of, optimizer_of, penalty_of, rows_of
from .recipes import Told, told

SAMPLES = 100  # of a watched loop
EVALUATIONS = 20  # in the whole training
COUNTING = ("cross_entropy", "nll")
CLASS_NUMBERS = "class numbers"  # which a loss takes for something else
IN_A_RECIPE = {"seed", "shuffle"}
REFUSALS = (RuntimeError, ValueError, IndexError)
NUMBER = re.compile(r"\d+")
BETWEEN_WORDS = re.compile(r"[\s_-]+")


@dataclass(frozen=True)
class Habits:
    """What a loop does otherwise than it should; the defaults are a correct loop.

    The words are those of the cases. What a case says that is not here goes into `unknown`.
    """

    zero_grad: Any = True
    step: Any = True
    train_mode: Any = True
    eval_mode: Any = True
    eval_batch_size: int | None = None
    optimizer_params: Any = "all"
    detach_after: Any = None
    target_shape: Any = None
    shuffle: Any = True
    gradient_sign: Any = 1
    optimizer_recreated_each_step: Any = False
    seed: int | None = None
    unknown: tuple[str, ...] = ()

    @classmethod
    def of(cls, loop: Mapping[str, Any]) -> Habits:
        """The habits that a case lists."""
        known = {one.name for one in fields(cls)} - {"unknown"}
        given = {name: value for name, value in loop.items() if name in known}
        return cls(**given, unknown=tuple(name for name in loop if name not in known))

    @property
    def zeroes_too_late(self) -> bool:
        """Whether the gradient is set to zero between backward pass and step."""
        return "after_backward" in self._zeroes or "before_step" in self._zeroes

    @property
    def zeroes_last(self) -> bool:
        """Whether it is set to zero behind the step, which does as well as before the pass."""
        return "after_step" in self._zeroes or self._zeroes == "end"

    @property
    def _zeroes(self) -> str:
        return BETWEEN_WORDS.sub("_", str(self.zero_grad).lower())

    @property
    def steps_too_early(self) -> bool:
        """Whether the step comes before the backward pass."""
        return isinstance(self.step, str) and "before" in self.step

    @property
    def sign(self) -> float:
        """By what the gradient is multiplied."""
        if isinstance(self.gradient_sign, str):
            return 1.0 if self.gradient_sign in ("+", "+1", "1", "descent") else -1.0
        return float(self.gradient_sign)

    @property
    def targets_are_flat(self) -> bool:
        """Whether targets have no axis for the one output."""
        if self.target_shape is None:
            return False
        words = str(self.target_shape).replace(" ", "")
        return not re.search(r",-?1\b", words)


@dataclass
class Plain:
    """A case as a plain loop: the network that a seed draws, its data, and how it is trained.

    x, y: what it trains on; held_out: what it is evaluated on. total: all steps of the training.
    """

    recipe: Told
    habits: Habits
    arrays: Arrays
    seed: int
    layers: Sequence[Mapping[str, Any]] = ()  # of the case
    is_unbounded: bool = False  # the logarithm of its loss
    spreads_labels: bool = False  # over all outputs
    network: Network = field(init=False)
    criterion: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        tree = self.recipe.tree
        self.rows = rows_of(tree["network"])
        self.training = tree["training"]
        standard = tree["data"]["scale"] == "standard"
        self.x = _inputs(self.arrays.x, self.arrays.x, standard)
        self.x_held_out = _inputs(self.arrays.x_held_out, self.arrays.x, standard)
        outputs = self.rows[-1]["units"]
        loss = CLASS_NUMBERS if self.spreads_labels else self.training["loss"]
        self.y = _targets(self.arrays, self.arrays.y, loss, outputs)
        size = self.training["batch_size"]
        self.batch_size = len(self.x) if size == "all" else int(size)
        self.steps_per_epoch = -(-len(self.x) // self.batch_size)
        self.total = self.training["epochs"] * self.steps_per_epoch
        torch.manual_seed(self.seed)  # of dropout's masks
        blocks = blocks_of(self.rows, self.x.shape[1], self.seed)
        self.network = Network(blocks, self._block_at(self.habits.detach_after))
        self.criterion = criterion_of(
            self.training,
            self.rows[-1]["activation"],
            is_unbounded=self.is_unbounded,
            spreads_labels=self.spreads_labels,
        )
        self._freeze()

    def _block_at(self, place: Any) -> int | None:
        """The block that a place in the case's list is part of."""
        if place is None or place is False:
            return None
        if isinstance(place, str | list):
            place = int(NUMBER.findall(str(place))[-1])
        return next(n for n, places in enumerate(self.recipe.places) if place in places)

    def _freeze(self) -> None:
        for place, layer in enumerate(self.layers):
            if layer.get("trainable") is False and (n := self._block_at(place)) is not None:
                self.network.blocks[n].requires_grad_(False)

    def parameters(self) -> list[nn.Parameter]:
        """Those that the optimizer is given."""
        given = self.habits.optimizer_params
        asking = [one for one in self.network.parameters() if one.requires_grad]
        if given in (None, "all", True):
            return asking
        words = [given] if isinstance(given, str | int) else list(given)
        chosen = [one for word in words for one in self._meant(str(word))]
        # an optimizer of nothing refuses to be made: one of another network does as little
        return chosen or list(nn.Linear(1, 1).parameters())

    def _meant(self, word: str) -> list[nn.Parameter]:
        """The parameters of `layers.2` or of `layers.2.weight`, or the ones of such a kind."""
        blocks: Sequence[Any] = list(self.network.blocks)
        if (number := NUMBER.search(word)) is not None:
            place = self._block_at(int(number[0]))
            blocks = [] if place is None else [blocks[place]]
        named = [pair for block in blocks for pair in block.named_parameters()]
        part = next((part for part in ("weight", "bias") if part in word), "")
        return [one for name, one in named if part in name]

    def steps(self) -> Iterator[int]:
        """Train, with an evaluation now and then; gives the number of steps after each one."""
        habits, network = self.habits, self.network
        generator = torch.Generator().manual_seed(self.seed)
        optimizer = optimizer_of(self.training, self.parameters())
        often = max(1, self.total // EVALUATIONS)
        network.train(bool(habits.train_mode))
        for step in range(self.total):
            if step % self.steps_per_epoch == 0:
                order = torch.arange(len(self.x))
                if habits.shuffle:
                    order = torch.randperm(len(self.x), generator=generator)
                batches = order.split(self.batch_size)
            chosen = batches[step % self.steps_per_epoch]
            self._step(optimizer, self.x[chosen], self.y[chosen])
            if habits.optimizer_recreated_each_step:
                optimizer = optimizer_of(self.training, self.parameters())
            if (step + 1) % often == 0:
                self._evaluate()
            yield step + 1

    def _step(self, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        habits = self.habits
        if habits.targets_are_flat and y.is_floating_point():
            y = y.reshape(-1)
        if habits.zero_grad and not habits.zeroes_too_late and not habits.zeroes_last:
            optimizer.zero_grad()
        outputs = self.network(x)
        loss = self.criterion(outputs, y) + penalty_of(self.network, self.rows)
        if habits.steps_too_early:
            optimizer.step()
        if loss.requires_grad:
            (loss if habits.sign == 1 else habits.sign * loss).backward()
        self._clip()
        if habits.zeroes_too_late:
            optimizer.zero_grad()
        if habits.step and not habits.steps_too_early:
            optimizer.step()
        if habits.zeroes_last:
            optimizer.zero_grad()

    def _clip(self) -> None:
        if most := self.training.get("clip_norm"):
            nn.utils.clip_grad_norm_(self.network.parameters(), most)
        if most := self.training.get("clip_value"):
            nn.utils.clip_grad_value_(self.network.parameters(), most)

    @torch.no_grad()
    def _evaluate(self) -> None:
        """As a user would: all held-out examples, or where there are none, those it trains on."""
        x = self.x_held_out if len(self.x_held_out) else self.x
        self.network.train(not self.habits.eval_mode)
        for part in x.split(self.habits.eval_batch_size or 1000):
            if len(part) > 1 or not self.network.training:  # batch norm refuses a batch of one
                self.network(part)
        self.network.train(bool(self.habits.train_mode))


def watched(loop: Plain, until: int) -> Record:
    """What a watch has seen of the loop's steps until one of them; the last one ends it.

    So does an error of torch's own, as of a loss that is given no numbers.
    """
    every = max(1, until // SAMPLES)
    watch = Watch(loop.network, loss=loop.criterion, every=every, out=None, quiet=True)
    with suppress(*REFUSALS), watch:
        for step in loop.steps():
            if step == until < loop.total:
                return watch.record()
    return watch.record()


def plain(case: Case, arrays: Arrays, seed: int) -> Plain:
    """The plain loop of a case; raises Inexpressible."""
    return Plain(
        told(_trained(case), arrays),
        Habits.of(case.tree.get("loop") or {}),
        arrays,
        seed,
        case.tree["layers"],
        is_unbounded(case),
        spreads_labels(case),
    )


def needs_a_loop(case: Case) -> bool:
    """Whether a recipe has no words for how the case trains.

    It has some for the seed and the order of the examples, and a case that was drawn is a recipe.
    """
    if not case.tree["layers"]:
        return False
    is_frozen = any(layer.get("trainable") is False for layer in case.tree["layers"])
    has_own_loss = is_unbounded(case) or spreads_labels(case)
    return is_frozen or has_own_loss or bool(set(case.tree.get("loop") or ()) - IN_A_RECIPE)


def is_unbounded(case: Case) -> bool:
    """Whether the loss takes logarithms of whatever probabilities there are, be they 0."""
    loss = case.tree["loss"]
    return loss.get("on") == "probabilities" and loss.get("clip", LEAST) is None


def spreads_labels(case: Case) -> bool:
    """Whether a loss for one-hot rows is given class numbers, and is trained with them at all."""
    tree, outputs = case.tree, case.tree["layers"][-1].get("units") or 1
    is_for_rows = tree["loss"]["name"] == "categorical_crossentropy"
    is_given_numbers = tree["preprocessing"].get("target_encoding") == "index"
    return is_for_rows and is_given_numbers and outputs > 1 and tree["epochs"] > 0


def _trained(case: Case) -> Case:
    """The case without what only its loop knows: layers that stay as they are, a loss's bound."""
    layers = [
        {name: value for name, value in layer.items() if name != "trainable"}
        for layer in case.tree["layers"]
    ]
    loss = {name: value for name, value in case.tree["loss"].items() if name != "clip"}
    return Case({**case.tree, "layers": layers, "loss": loss})


def _inputs(x: Any, fitted: Any, is_standard: bool) -> Tensor:
    given, of = torch.as_tensor(x, dtype=torch.float32), torch.as_tensor(fitted).float()
    if is_standard and len(given):
        spread = of.std(dim=0, correction=0)
        given = (given - of.mean(dim=0)) / spread.where(spread > 0, 1.0)
    return given.flatten(1) if given.dim() > 1 else given.unsqueeze(1)


def _targets(arrays: Arrays, y: Any, loss: str, outputs: int) -> Tensor:
    """Class numbers for a loss that counts classes, else a number for each output."""
    if loss in COUNTING:
        classes = y.argmax(axis=1) if arrays.is_one_hot else y.reshape(-1)
        return torch.as_tensor(classes).long()
    numbers = torch.as_tensor(y, dtype=torch.float32).reshape(len(y), -1)
    if loss == CLASS_NUMBERS:
        return numbers
    if numbers.shape[1] == 1 and outputs > 1 and arrays.is_whole:
        return nn.functional.one_hot(numbers.long().flatten(), outputs).float()
    return numbers
