"""A loss that takes the logarithm of 0 is named, and not only that it is no number."""

from __future__ import annotations

import copy
import gc
import json
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

import descend
from descend.watching.watch import Watch
from tests.watching.scenes import batch

STEPS = 60
BCE, CE = nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss()
Loss = Callable[[Tensor, Tensor], Tensor]


class Log(nn.Module):
    def forward(self, p: Tensor) -> Tensor:
        return p.log().squeeze(0)


def network(outputs: int, *last: nn.Module, scale: float = 1.0) -> nn.Sequential:
    """Outputs that begin so many times as large as usual."""
    torch.manual_seed(0)
    layers = [nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, outputs)]
    with torch.no_grad():
        layers[-1].weight.mul_(scale)
    return nn.Sequential(*layers, *last)


def is_one(y: Tensor) -> Tensor:
    return (y > 0).float().unsqueeze(1)


def bce(p: Tensor, y: Tensor) -> Tensor:
    """As it stands in textbooks."""
    y = is_one(y)
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()


def picked(p: Tensor, y: Tensor) -> Tensor:
    return -torch.log(p)[range(len(y)), y].mean()


def multiplied(p: Tensor, y: Tensor) -> Tensor:
    return -(F.one_hot(y, 3) * p.log()).sum(1).mean()


def train(model: nn.Module, loss_of: Loss, lr: float = 0.5) -> None:
    """Plain steps; from step to step the outputs grow."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for number in range(STEPS):
        x, y = batch(number, 32)
        optimizer.zero_grad()
        loss_of(model(x), y).backward()
        optimizer.step()
        with torch.no_grad():
            model[2].weight.mul_(1.1)  # type: ignore[index]


def watched(model: nn.Module, loss_of: Loss, every: int | None = 1, lr: float = 0.5) -> Watch:
    with descend.watch(model, every=every, out=None, quiet=True) as watch:
        train(model, loss_of, lr)
    assert watch.failure is None
    return watch


FAULTS: dict[str, tuple[Callable[[], nn.Module], Loss]] = {
    "sigmoid that is 1": (lambda: network(1, nn.Sigmoid()), bce),
    "softmax, picked": (lambda: network(3, nn.Softmax(1), scale=3), picked),
    "softmax, multiplied": (lambda: network(3, nn.Softmax(1), scale=3), multiplied),
    "softmax by the loop": (
        lambda: network(3, scale=3),
        lambda z, y: F.nll_loss(z.softmax(1).log(), y),
    ),
    "the network ends with it": (lambda: network(3, nn.Softmax(1), Log(), scale=3), F.nll_loss),
    "log2": (lambda: network(3, nn.Softmax(1), scale=3), lambda p, y: -(p.log2()[:, 0]).mean()),
    "log10": (lambda: network(3, nn.Softmax(1), scale=3), lambda p, y: -(p.log10()[:, 0]).mean()),
    "log1p": (
        lambda: network(1, nn.Sigmoid()),
        lambda p, y: -(is_one(y) * p.log() + (1 - is_one(y)) * torch.log1p(-p)).mean(),
    ),
}
MENDED: dict[str, tuple[Callable[[], nn.Module], Loss]] = {
    "loss on logits": (lambda: network(1), lambda z, y: BCE(z, is_one(y))),
    "torch's own, on probabilities": (
        lambda: network(1, nn.Sigmoid()),
        lambda p, y: F.binary_cross_entropy(p, is_one(y)),
    ),
    "clamped": (lambda: network(1, nn.Sigmoid()), lambda p, y: bce(p.clamp(1e-7, 1 - 1e-7), y)),
    "cross-entropy": (lambda: network(3, scale=3), CE),
    "with something added": (
        lambda: network(3, nn.Softmax(1), scale=3),
        lambda p, y: picked(p + 1e-8, y),
    ),
    "log-softmax": (lambda: network(3, nn.LogSoftmax(1), scale=3), F.nll_loss),
}


@pytest.mark.parametrize("every", [1, 7, 1000, None])
@pytest.mark.parametrize("name", FAULTS)
def test_the_logarithm_of_zero_comes_first_and_what_it_makes_below_it(
    name: str, every: int | None
) -> None:
    make, loss_of = FAULTS[name]
    watch = watched(make(), loss_of, every)
    first = watch.findings[0]
    assert (first.code, first.severity) == ("D236", "error")
    assert "D203" in [one.code for one in first.consequences]
    assert "D203" not in [one.code for one in watch.findings]
    assert first.numbers["count"] >= 1
    assert first.numbers["least"] <= 0
    assert first.since == first.numbers["step"]
    assert all(remedy.write for remedy in first.remedies)


def test_the_step_is_that_of_the_loss_or_the_one_before_it() -> None:
    """Where the loss leaves the 0 out, its gradient does not: 0 / 0."""
    for name, late in (("softmax, multiplied", 0), ("softmax, picked", 1)):
        watch = watched(*((made := FAULTS[name])[0](), made[1]), every=7)
        lost = int(watch.record().steps[-1])
        undefined = watch.record().loop.undefined
        assert undefined is not None
        assert (undefined.step, undefined.is_slope) == (lost - late, bool(late))


def test_outputs_below_zero_have_no_logarithm() -> None:
    """The one case in which a rule before the training knows it, too."""
    watch = watched(network(3), picked, lr=0.01)
    found = [one for first in watch.findings for one in (first, *first.consequences)]
    (finding,) = [one for one in found if one.code == "D236"]
    assert finding.numbers["least"] < 0
    assert finding.since == 0
    assert "below 0" in finding.cause
    assert watch.findings[0].code in ("D111", "D236")


@pytest.mark.parametrize("every", [1, 7])
@pytest.mark.parametrize("name", MENDED)
def test_the_mended_twin_is_not_told_of_it(name: str, every: int) -> None:
    make, loss_of = MENDED[name]
    watch = watched(make(), loss_of, every)
    assert watch.status == "finished"
    assert watch.record().loop.undefined is None
    assert "D236" not in str(watch.examination)


@pytest.mark.parametrize("every", [1, 7])
def test_numbers_that_are_none_already_are_no_logarithms_of_zero(every: int) -> None:
    """Beside a row of NaN, a probability that is 1 is no cause."""

    def spoilt(number: int) -> Tensor:
        x = batch(number, 32)[0]
        x[0] *= 1e4  # a sigmoid that is 1
        x[1] = torch.nan
        return x

    model = network(1, nn.Sigmoid())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with descend.watch(model, every=every, out=None, quiet=True) as watch:
        for number in range(20):
            x, y = batch(number, 32)
            optimizer.zero_grad()
            bce(model(x if number < 10 else spoilt(number)), y).backward()
            optimizer.step()
    assert watch.failure is None
    assert watch.findings[0].code == "D203"
    assert watch.findings[0].evidence.startswith("inputs")


def test_a_step_that_overflows_is_none_either() -> None:
    watch = watched(network(1, nn.Sigmoid()), lambda p, y: bce(p.clamp(1e-7, 1 - 1e-7), y), lr=1e38)
    codes = [one.code for first in watch.findings for one in (first, *first.consequences)]
    assert "D236" not in codes


OTHERS: dict[str, tuple[Loss, str]] = {
    "root of 0": (lambda z, y: (z - z.T).pow(2).sqrt().mean(), "root"),
    "power of one half": (lambda z, y: ((z - z.T) ** 2).pow(0.5).mean(), "root"),
    "mean of none": (lambda z, y: (z * (y > 5)).sum() / (z * 0).sum(), "division"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_so_are_roots_of_zero_and_divisions_by_it(name: str) -> None:
    loss_of, what = OTHERS[name]
    watch = watched(network(1), loss_of)
    undefined = watch.record().loop.undefined
    assert undefined is not None
    assert undefined.what == what
    assert watch.findings[0].code == "D236"


def test_a_mask_that_never_hurts_does_not() -> None:
    """Of numbers below 0 that the loss leaves out, the gradient is 0."""

    def loss_of(z: Tensor, y: Tensor) -> Tensor:
        logs = torch.where(z > 0.01, torch.log(z), 0.0)
        return logs.pow(2).mean() + CE(z, y)

    watch = watched(network(3), loss_of, lr=0.01)
    assert watch.status == "finished"
    assert watch.findings == () or all(one.code != "D236" for one in watch.findings)


@pytest.mark.parametrize("every", [1, 7, None])
@pytest.mark.parametrize("name", FAULTS)
def test_the_loop_computes_what_it_computes_unwatched(name: str, every: int | None) -> None:
    """Bit for bit, to the last NaN."""
    make, loss_of = FAULTS[name]
    alone, model = make(), make()
    train(alone, loss_of)
    watched(model, loss_of, every)
    for one, other in zip(alone.parameters(), model.parameters(), strict=True):
        assert torch.equal(one.nan_to_num(7.0), other.nan_to_num(7.0))


def test_no_graph_is_held() -> None:
    make, loss_of = FAULTS["softmax, picked"]
    model = make()
    nodes: list[weakref.ref[object]] = []

    def seen(p: Tensor, y: Tensor) -> Tensor:
        loss = loss_of(p, y)
        kept = Held()
        loss.grad_fn.metadata["held"] = kept  # type: ignore[union-attr]
        nodes.append(weakref.ref(kept))
        return loss

    with descend.watch(model, every=7, out=None, quiet=True) as watch:
        train(model, seen)
        gc.collect()
        assert not any(node() for node in nodes)
    assert watch.findings[0].code == "D236"


def test_operations_of_any_kind_are_looked_at_without_harm() -> None:
    """Powers of tensors, whole numbers, divisions that round, an empty tensor, two passes back."""
    exponents = torch.tensor([0.5, 2.0, 3.0])
    losses: list[Loss] = [
        lambda z, y: (z.abs() ** exponents).sum() + (2**z).mean() + (z.sum() ** 0),
        lambda z, y: torch.div(z, y[:, None] + 1, rounding_mode="floor").sum() + CE(z, y),
        lambda z, y: z[:0].log().sum() + CE(z, y),
        lambda z, y: torch.xlogy(y[:, None].float(), z.softmax(1)).mean() + torch.xlogy(z, 2).sum(),
        lambda z, y: z.softmax(1).logit(1e-6).mean() + z.exp().reciprocal().mean(),
    ]
    for loss_of in losses:
        watched(network(3), loss_of, lr=1e-6)
    model = network(3, nn.Softmax(1))
    with descend.watch(model, every=1, out=None, quiet=True) as watch:
        loss = picked(model(batch(0)[0]), batch(0)[1])
        loss.backward(retain_graph=True)
        loss.backward()
        with pytest.raises(RuntimeError):
            loss.backward()
    assert watch.failure is None


class Held:
    """Lives as long as the graph that it is put in."""


def test_a_step_in_between_is_only_looked_at_where_a_logarithm_has_no_bound() -> None:
    opens = {"with something added": True, "clamped": False, "cross-entropy": False}
    for name, is_open in opens.items():
        make, loss_of = MENDED[name]
        model = make()
        with descend.watch(model, every=5, out=None, quiet=True) as watch:
            train(model, loss_of, lr=0.1)
            assert bool(watch.observer.logarithms.open) is is_open


def test_the_run_is_written_and_read(tmp_path: Path) -> None:
    make, loss_of = FAULTS["sigmoid that is 1"]
    model = copy.deepcopy(make())
    with descend.watch(model, every=1, out=tmp_path, quiet=True) as watch:
        train(model, loss_of)
    assert watch.folder is not None
    said = json.loads((watch.folder / "findings.json").read_text())
    assert said["findings"][0]["name"] == "log-of-zero"


@pytest.mark.parametrize("exponent", [-1, -2, 0])
def test_powers_that_are_no_roots_are_not_told_as_roots(exponent: int) -> None:
    """A number below 0 has a reciprocal; the loss is none for another reason."""

    def loss_of(z: Tensor, y: Tensor) -> Tensor:
        loss_of.steps += 1  # type: ignore[attr-defined]
        factor = torch.nan if loss_of.steps == 40 else 1.0  # type: ignore[attr-defined]
        return ((z - 50) ** exponent).mean() * factor + 0.0 * z.mean()

    loss_of.steps = 0  # type: ignore[attr-defined]
    watch = watched(network(3), loss_of, lr=1e-3)
    assert "D236" not in {one.code for one in watch.findings}
