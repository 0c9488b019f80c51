"""Modules that are healthy, or broken in one way each, with a batch for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

CLASSES, FEATURES, WIDTH = 4, 6, 24


def batch(examples: int = 32) -> tuple[Tensor, Tensor]:
    """Random inputs and classes: what can only be learnt by heart."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(examples, FEATURES, generator=generator)
    return x, torch.randint(0, CLASSES, (examples,), generator=generator)


class Network(nn.Module):
    """Two hidden layers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(FEATURES, WIDTH)
        self.second = nn.Linear(WIDTH, WIDTH)
        self.last = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(functional.relu(self.second(functional.relu(self.first(x)))))


class Detached(Network):
    """The first layer is cut off from the loss."""

    def forward(self, x: Tensor) -> Tensor:
        return self.last(functional.relu(self.second(functional.relu(self.first(x)).detach())))


class Frozen(Network):
    """The second layer is not to be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.second.requires_grad_(False)


class Unused(Network):
    """One layer is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.forgotten = nn.Linear(WIDTH, WIDTH)


class Dead(Network):
    """No unit of the first layer is ever above 0."""

    def __init__(self) -> None:
        super().__init__()
        nn.init.constant_(self.first.bias, -100.0)


class Mixing(Network):
    """A softmax over the batch where one over the units was meant."""

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.softmax(self.first(x), dim=0) * len(x)
        return self.last(functional.relu(self.second(hidden)))


class MixingUnseen(Network):
    """The mean of the batch is taken off, behind autograd's back."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(dim=0, keepdim=True).detach())


class WrongCube(torch.autograd.Function):
    """y = x³ with the slope 2 x² in place of 3 x²."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        context.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(context: Any, slope: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = context.saved_tensors
        return 2 * x**2 * slope


class WrongBackward(Network):
    """The second activation has a wrong derivative."""

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.second(functional.relu(self.first(x))))
        return self.last(hidden + WrongCube.apply(hidden))


class Squashed(Network):
    """Probabilities where the loss takes logits."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(super().forward(x), dim=-1)


class Normalised(nn.Sequential):
    """Batch normalisation and dropout, as they are meant."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(
            nn.Linear(FEATURES, WIDTH),
            nn.BatchNorm1d(WIDTH),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(WIDTH, CLASSES),
        )


class Convolutional(nn.Sequential):
    """Images, with layers of other kinds."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(
            nn.Unflatten(1, (1, FEATURES)),
            nn.Conv1d(1, 8, 3),
            nn.GroupNorm(2, 8),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(8 * (FEATURES - 2), CLASSES),
        )


class Recurrent(nn.Module):
    """A GRU over the features, and what it ends with."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inner = nn.GRU(1, WIDTH, batch_first=True)
        self.last = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.inner(x.unsqueeze(-1))[0][:, -1])
