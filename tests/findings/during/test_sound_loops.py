"""Loops as people write them and that learn: watched from end to end, nothing is alarmed."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

import descend
from descend.watching.watch import Watch

Loop = Callable[[], Watch]
FOUND: dict[str, Loop] = {}


def loop(run: Loop) -> Loop:
    """One of the loops below."""
    FOUND[run.__name__] = run
    return run


def watching(network: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> Watch:
    return descend.watch(network, optimizer, every=4, out=None, quiet=True)


def points(examples: int = 512) -> tuple[Tensor, Tensor]:
    """Four features of which two say the class, of three."""
    torch.manual_seed(0)
    x = torch.randn(examples, 4)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0.5).long()


def classifier() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(4, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 3)
    )


def trained(network: nn.Module, optimizer: torch.optim.Optimizer, epochs: int = 12) -> None:
    """A loop as in every tutorial, with an evaluation after each epoch."""
    x, y = points()
    for _ in range(epochs):
        network.train()
        for place in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            F.cross_entropy(network(x[place]), y[place]).backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            network(x)


@loop
def classification() -> Watch:
    network = classifier()
    with watching(network) as watch:
        trained(network, torch.optim.Adam(network.parameters(), 1e-3))
    return watch


@loop
def training_that_goes_on() -> Watch:
    """Of a network that knows its examples already."""
    network = classifier()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    trained(network, optimizer, epochs=30)
    with watching(network) as watch:
        trained(network, optimizer)
    return watch


@loop
def fine_tuning() -> Watch:
    """A new head on a backbone that is frozen and stays in evaluation mode."""
    network = classifier()
    trained(network, torch.optim.Adam(network.parameters(), 1e-3))
    backbone, head = network[:3].requires_grad_(False).eval(), nn.Linear(64, 3)
    tuned = nn.ModuleDict({"backbone": backbone, "head": head})
    optimizer = torch.optim.Adam(head.parameters(), 1e-2)
    x, y = points()
    with watching(tuned) as watch:
        for _ in range(10):
            for place in torch.randperm(len(x)).split(32):
                optimizer.zero_grad()
                F.cross_entropy(head(backbone(x[place])), y[place]).backward()
                optimizer.step()
    return watch


@loop
def accumulation() -> Watch:
    network, (x, y) = classifier(), points()
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    with watching(network) as watch:
        for _ in range(30):
            for number, place in enumerate(torch.randperm(len(x)).split(16), start=1):
                (F.cross_entropy(network(x[place]), y[place]) / 4).backward()
                if number % 4 == 0:
                    optimizer.step()
                    optimizer.zero_grad()
    return watch


class Adversaries(nn.Module):
    """A generator of points and a discriminator of them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.generator = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
        self.discriminator = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))


def adversarial(part: str) -> Watch:
    networks = Adversaries()
    generator, discriminator = networks.generator, networks.discriminator
    of_generator = torch.optim.Adam(generator.parameters(), 1e-3, betas=(0.5, 0.999))
    of_discriminator = torch.optim.Adam(discriminator.parameters(), 1e-3, betas=(0.5, 0.999))
    yes, no = torch.ones(64, 1), torch.zeros(64, 1)
    with watching(networks if part == "both" else getattr(networks, part)) as watch:
        for _ in range(150):
            real, fake = 0.5 * torch.randn(64, 2) + 1, generator(torch.randn(64, 2))
            of_discriminator.zero_grad()
            loss = F.binary_cross_entropy_with_logits(discriminator(real), yes)
            loss = loss + F.binary_cross_entropy_with_logits(discriminator(fake.detach()), no)
            loss.backward()
            of_discriminator.step()
            of_generator.zero_grad()
            F.binary_cross_entropy_with_logits(discriminator(fake), yes).backward()
            of_generator.step()
    return watch


@loop
def adversaries() -> Watch:
    return adversarial("both")


@loop
def a_generator() -> Watch:
    return adversarial("generator")


@loop
def a_discriminator() -> Watch:
    return adversarial("discriminator")


@loop
def convolutions() -> Watch:
    torch.manual_seed(3)
    x = torch.randn(256, 1, 8, 8)
    y = (x[:, 0, :4].mean(dim=(1, 2)) > x[:, 0, 4:].mean(dim=(1, 2))).long()
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 2),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    with watching(network) as watch:
        for _ in range(20):
            for place in torch.randperm(len(x)).split(32):
                optimizer.zero_grad()
                F.cross_entropy(network(x[place]), y[place]).backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
    return watch


class Language(nn.Module):
    """Words in a sequence, of which most never come: embedding, attention, layer norm."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.embedding = nn.Embedding(500, 32)
        self.layer = nn.TransformerEncoderLayer(32, 2, 64, dropout=0.1, batch_first=True)
        self.head = nn.Linear(32, 500)

    def forward(self, words: Tensor) -> Tensor:
        """Logits of the next word."""
        logits: Tensor = self.head(self.layer(self.embedding(words)))
        return logits


@loop
def language() -> Watch:
    network = Language()
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    words = torch.arange(2000) * 7 % 61 * 3  # 61 of the 500 words
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 20))
    with watching(network) as watch:
        for _ in range(6):
            for place in torch.randperm(1900).split(64):
                batch = torch.stack([words[i : i + 9] for i in place.tolist()])
                optimizer.zero_grad()
                logits = network(batch[:, :-1])
                F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten()).backward()
                optimizer.step()
                schedule.step()
    return watch


@loop
def recurrence() -> Watch:
    torch.manual_seed(5)
    x = torch.randn(256, 12, 2)
    y = x[..., 0].cumsum(dim=1).mean(dim=1, keepdim=True)
    network = nn.ModuleDict({"lstm": nn.LSTM(2, 24, batch_first=True), "head": nn.Linear(24, 1)})
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    with watching(network) as watch:
        for _ in range(15):
            for place in torch.randperm(len(x)).split(32):
                optimizer.zero_grad()
                states, _ = network["lstm"](x[place])
                F.mse_loss(network["head"](states[:, -1]), y[place]).backward()
                optimizer.step()
    return watch


@loop
def half_precision() -> Watch:
    network, (x, y) = classifier(), points()
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    with watching(network) as watch:
        for _ in range(12):
            for place in torch.randperm(len(x)).split(32):
                optimizer.zero_grad()
                with torch.autocast("cpu", torch.bfloat16):
                    loss = F.cross_entropy(network(x[place]), y[place])
                loss.backward()
                optimizer.step()
    return watch


@loop
def closures() -> Watch:
    network, (x, y) = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3)), points()
    optimizer = torch.optim.LBFGS(network.parameters(), max_iter=5)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x), y)
        loss.backward()
        return loss

    with watching(network) as watch:
        for _ in range(20):
            optimizer.step(closure)
    return watch


@loop
def a_teacher_and_a_student() -> Watch:
    """The teacher is part of the module, is only asked, and is a running mean of the student."""
    network, (x, y) = classifier(), points()
    both = nn.ModuleDict({"student": network, "teacher": copy.deepcopy(network)})
    both["teacher"].requires_grad_(False).eval()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    with watching(both) as watch:
        for _ in range(12):
            for place in torch.randperm(len(x)).split(32):
                with torch.no_grad():
                    wanted = both["teacher"](x[place]).softmax(dim=1)
                optimizer.zero_grad()
                outputs = network(x[place])
                loss = F.cross_entropy(outputs, y[place]) + 0.1 * F.cross_entropy(outputs, wanted)
                loss.backward()
                optimizer.step()
                with torch.no_grad():
                    for own, theirs in zip(
                        both["teacher"].parameters(), network.parameters(), strict=True
                    ):
                        own.lerp_(theirs, 0.05)
    return watch


@pytest.mark.parametrize("name", FOUND)
def test_nothing_is_alarmed(name: str) -> None:
    watch = FOUND[name]()
    assert watch.failure is None
    said = [
        f"{one.severity} {one.code} {one.name}: {one.evidence}"
        for one in watch.findings
        if one.severity != "note"
    ]
    assert said == []
