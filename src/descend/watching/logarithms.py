"""Logarithms: what a loss takes logarithms and roots of, and divides by, read off its graph.

Of 0 or less they are infinite or no number. At 0 their slope is infinite, too: of a loss that is a
number still, the gradient is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from descend.findings.loop import Undefined
from descend.watching.graph import Node, exponent_of, kind_of, parents, saved

OPERATIONS = {  # by the kind of node: what is done, what is kept of it, and the bound of that
    "Log": ("logarithm", "self", 0.0),
    "Log1P": ("logarithm", "self", -1.0),
    "Xlogy": ("logarithm", "other", 0.0),
    "Div": ("division", "other", 0.0),
    "Reciprocal": ("division", "self", 0.0),
    "Sqrt": ("root", "result", 0.0),
    "Pow": ("root", "self", 0.0),
}
NAMES = {  # the same by the node's full name, for a look between the samples
    f"{kind}Backward0": (kept, bound) for kind, (_, kept, bound) in OPERATIONS.items()
} | {f"Log{base}Backward0": ("self", 0.0) for base in (2, 10)}
BOUNDED = {"Clamp", "ClampMin", "Maximum"}
SHIFTING = {"Add", "Neg", "Rsub", "Sub", "View", "Unsqueeze", "Squeeze"}
LAYERS = {"Addmm", "Mm", "Bmm", "Baddbmm", "Convolution"}  # behind them it is the loss no more
FAR = 1.0  # from the bound: between the samples nobody looks at them,
NEAR = 1e-3  # and at these at each step,
EACH = 8  # at others at each so many,
PATIENT = 50  # and at numbers that stay near, after so many looks
FEW = 1 << 16  # numbers; of more, each look would take its time
MOST = 50  # operations

Way = tuple[int, ...]  # from the root to an operation: which of its parents each time


class Logarithms:
    """What was seen of them.

    undefined: the last numbers without a logarithm; of a loss that stays none, the first.
    open: ways to operations whose numbers have no bound and may come to be such. Nothing here keeps
    a graph.
    """

    def __init__(self) -> None:
        self.undefined: Undefined | None = None
        self.open: Sequence[Way] = ()
        self._is_near = self._was_lost = False
        self._passed = 0  # steps since the last look
        self._near_for = 0  # looks in a row

    @torch.no_grad()
    def look(self, root: Tensor, step: int, *, is_lost: bool) -> None:
        """Look at all that the loss of a sampled step is made of; is_lost: it is no number."""
        was_lost, self._was_lost = self._was_lost, is_lost
        if was_lost and is_lost:
            return
        operations = list(_operations(root.grad_fn))
        self.open = [way for way, node in operations if _is_open(node)]
        self._judge([node for _, node in operations], step, is_lost=is_lost)

    def look_again(self, root: Tensor, step: int) -> None:
        """Look, now and then, at a step that is not sampled and whose loss is a number."""
        self._passed += 1
        if not self._is_near and self._passed < EACH:
            return
        self._near_for = self._near_for + 1 if self._is_near else 0
        self._passed, self._is_near = 0, False
        for way in self.open:
            if (node := _at(root.grad_fn, way)) is None or (name := node.name()) not in NAMES:
                continue
            kept, bound = NAMES[name]
            if (given := saved(node, kept)) is None or not given.numel():
                continue
            least = given.min().item() - bound
            is_near = self._is_near or abs(least) < NEAR
            self._is_near = is_near and self._near_for < PATIENT
            if least <= 0:
                self._judge([node], step, is_lost=False)

    def _judge(self, nodes: Sequence[Node], step: int, *, is_lost: bool) -> None:
        found = [_undefined(node, step, is_lost=is_lost) for node in nodes]
        if worst := max((one for one in found if one), key=lambda one: one.several, default=None):
            self.undefined = worst


def _operations(head: Node) -> Iterator[tuple[Way, Node]]:
    """The operations between a loss and the last layer that not every number is good for."""
    ways: list[tuple[Way, Node]] = [((), head)]
    seen = {head}
    for way, node in ways:
        kind = _kind(node)
        if kind in OPERATIONS:
            yield way, node
        if kind in LAYERS:
            continue
        for place, (parent, _) in enumerate(node.next_functions):
            if parent is not None and parent not in seen and len(ways) < MOST:
                seen.add(parent)
                ways.append(((*way, place), parent))


def _at(node: Node, way: Way) -> Node | None:
    """What stands at the end of a way in another step's graph."""
    for place in way:
        if node is None or place >= len(node.next_functions):
            return None
        node = node.next_functions[place][0]
    return node


def _kind(node: Node) -> str:
    """The name of an operation, a division by a constant included."""
    name: str = node.name()
    return "Div" if name.startswith("Div") else kind_of(node)


def _numbers(node: Node | None) -> tuple[str, Tensor] | None:
    """What is done to which numbers, these so that they must be above 0."""
    if node is None or (kind := _kind(node)) not in OPERATIONS:
        return None
    what, name, bound = OPERATIONS[kind]
    if kind == "Pow":
        exponent = exponent_of(node)
        if exponent is None or exponent >= 1 or exponent == 0:
            return None
        what = "division" if exponent < 0 else "root"
    given = saved(node, name)
    if given is None or not given.is_floating_point() or not given.numel():
        return None
    if given.layout is not torch.strided:
        return None
    return what, given.abs() if what == "division" else given - bound if bound else given


def _is_open(node: Node) -> bool:
    if (found := _numbers(node)) is None or _has_bound(node):
        return False
    _, numbers = found
    return numbers.numel() <= FEW and bool(numbers.min() < FAR)


def _has_bound(node: Node) -> bool:
    """Whether somebody has cut off what comes near, as in log(1 - p.clamp(1e-7, 1 - 1e-7))."""
    given = parents(node)
    while len(given) == 1 and kind_of(given[0]) in SHIFTING:
        given = parents(given[0])
    return any(kind_of(one) in BOUNDED for one in given)


def _undefined(node: Node | None, step: int, *, is_lost: bool) -> Undefined | None:
    """The numbers that explain a loss that is none, or a gradient; NaN and infinity are no reason.

    Beside them they say only that something else went wrong before.
    """
    if (found := _numbers(node)) is None:
        return None
    what, numbers = found
    least = float(numbers.min())
    if not least <= 0 or not bool(numbers.isfinite().all()):
        return None
    has_no_value = numbers < 0 if what == "root" else numbers <= 0  # the root of 0 is 0
    several = int((has_no_value if is_lost else numbers == 0).sum())
    return Undefined(what, step, several, numbers.numel(), least, not is_lost) if several else None
