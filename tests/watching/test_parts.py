"""Networks that nobody calls as a whole: their loop calls one part after the other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import descend
from descend.watching.watch import Watch


class Autoencoder(nn.Module):
    """Two parts and no forward pass of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
        self.heads = nn.ModuleDict({"decoder": nn.Sequential(nn.Tanh(), nn.Linear(2, 8))})

    def answer(self, x: Tensor) -> Tensor:
        """What the decoder makes of the code."""
        answer: Tensor = self.heads["decoder"](self.encoder(x))
        return answer


def trained(*, is_watched: bool) -> tuple[Autoencoder, Watch]:
    torch.manual_seed(0)
    network, x = Autoencoder(), torch.randn(64, 8)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    watch = descend.watch(network, every=1, out=None, quiet=True)
    if is_watched:
        watch.start()
    for _ in range(20):
        optimizer.zero_grad()
        nn.functional.mse_loss(network.answer(x), x).backward()
        optimizer.step()
        with torch.no_grad():
            network.answer(x)
    watch.stop()
    return network, watch


def test_a_pass_of_the_parts_is_a_pass_of_the_network() -> None:
    record = trained(is_watched=True)[1].record()
    assert (record.loop.passes, record.loop.backwards, record.loop.steps) == (20, 20, 20)
    assert [(layer.name, layer.activation) for layer in record.layers[:2]] == [
        ("encoder.0", "relu"),
        ("encoder.2", "tanh"),
    ]
    assert record.loop.unused == []
    assert record.loop.kept_graphs is not None
    assert record.loop.kept_graphs[0] == 0


def test_the_parts_are_left_as_they_were() -> None:
    watched, _ = trained(is_watched=True)
    alone, _ = trained(is_watched=False)
    for ours, theirs in zip(watched.parameters(), alone.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert not any(one._forward_pre_hooks or one._forward_hooks for one in watched.modules())


def test_parts_are_not_listened_to_once_the_whole_is_called() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    with descend.watch(network, out=None, quiet=True) as watch:
        network(torch.ones(1, 2)).sum().backward()
        assert not any(one._forward_pre_hooks for one in network)
    assert watch.record().loop.passes == 1


def test_a_step_that_is_told_to_have_no_closure_has_none() -> None:
    """Other libraries hand `closure=None` on, and have done the backward pass before."""
    network = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    with descend.watch(network, every=1, out=None, quiet=True) as watch:
        for _ in range(3):
            optimizer.zero_grad()
            network(torch.ones(4, 2)).sum().backward()
            optimizer.step(None)  # type: ignore[call-overload]
    assert watch.record().loop.empty == 0
    assert watch.record().quantities["gradient_norm"][-1, 0] > 0
