"""Training loops of all kinds, as people write them; each is built anew from its seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from torch.utils.checkpoint import checkpoint


@dataclass
class Scene:
    """A network, and what its loop does in one step."""

    model: nn.Module
    step: Callable[[int], None]
    optimizers: Sequence[Optimizer] = ()
    criterion: nn.Module | None = None
    others: Sequence[nn.Module] = field(default_factory=list)

    def run(self, steps: int) -> None:
        for number in range(steps):
            self.step(number)


def batch(number: int, size: int = 16, features: int = 12) -> tuple[Tensor, Tensor]:
    """Inputs and class numbers of three classes that a network can tell apart."""
    of_batch = torch.Generator().manual_seed(1000 + number)
    x = torch.randn(size, features, generator=of_batch)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


def images(number: int, size: int = 8) -> tuple[Tensor, Tensor]:
    """Small images of one channel, (8, 8), and class numbers."""
    x, y = batch(number, size, 64)
    return x.view(size, 1, 8, 8), y


def sequences(number: int, size: int = 8) -> tuple[Tensor, Tensor]:
    """Sequences of 6 times 12 numbers, and class numbers."""
    x, y = batch(number, size, 72)
    return x.view(size, 6, 12), y


def usual(
    model: nn.Module,
    criterion: nn.Module | None = None,
    lr: float = 0.05,
    batches: Callable[[int], tuple[Tensor, Tensor]] = batch,
) -> Scene:
    """The loop of all tutorials."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)

    def step(number: int) -> None:
        x, y = batches(number)
        optimizer.zero_grad()
        outputs = model(x)
        loss = (criterion or functional.cross_entropy)(outputs, y)
        loss.backward()
        optimizer.step()

    return Scene(model, step, [optimizer], criterion)


def mlp() -> Scene:
    """Dropout and batch normalisation."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(12, 24),
        nn.BatchNorm1d(24),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(24, 24),
        nn.Tanh(),
        nn.Linear(24, 3),
    )
    return usual(model, nn.CrossEntropyLoss())


class Functional(nn.Module):
    """Activations that are functions, as most tutorials write them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(12, 24)
        self.second = nn.Linear(24, 16)
        self.third = nn.Linear(16, 16)
        self.last = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.first(x))
        x = torch.sigmoid(self.second(x))
        x = functional.leaky_relu_(self.third(x))
        y: Tensor = self.last(functional.dropout(x, 0.1, training=self.training))
        return y


def functional_mlp() -> Scene:
    torch.manual_seed(0)
    return usual(Functional())


class Convolutional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3),
        )
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.features(x)), 2)
        y: Tensor = self.head(x.flatten(1))
        return y


def convolutional() -> Scene:
    torch.manual_seed(0)
    return usual(Convolutional(), nn.CrossEntropyLoss(), batches=images)


class Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.two = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        around = x
        x = self.relu(self.norm(self.one(x)))
        x = self.two(x)
        x += around
        y: Tensor = self.relu(x)
        return y


def residual() -> Scene:
    torch.manual_seed(0)
    stem = nn.Conv2d(1, 4, 3, padding=1)
    pool = nn.AdaptiveAvgPool2d(1)
    model = nn.Sequential(stem, Block(), Block(), pool, nn.Flatten(), nn.Linear(4, 3))
    return usual(model, nn.CrossEntropyLoss(), batches=images)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(12, 10, num_layers=2, batch_first=True, dropout=0.1)
        self.head = nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden, _ = self.lstm(x)
        y: Tensor = self.head(hidden[:, -1])
        return y


def recurrent() -> Scene:
    torch.manual_seed(0)
    return usual(Recurrent(), nn.CrossEntropyLoss(), batches=sequences)


class Cells(nn.Module):
    """A cell that is called once for each time, and a layer that two others share."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(12, 10)
        self.shared = nn.Linear(10, 10)
        self.head = nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = x.new_zeros(len(x), 10)
        for time in range(x.shape[1]):
            hidden = self.cell(x[:, time], hidden)
        y: Tensor = self.head(torch.relu(self.shared(torch.relu(self.shared(hidden)))))
        return y


def cells() -> Scene:
    torch.manual_seed(0)
    return usual(Cells(), batches=sequences)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = nn.TransformerEncoderLayer(12, 2, 24, dropout=0.1, batch_first=True)
        self.place = nn.Parameter(0.01 * torch.randn(1, 6, 12))
        self.head = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(self.block(x + self.place).mean(dim=1))}


def attention() -> Scene:
    torch.manual_seed(0)
    model = Attention()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    criterion = nn.CrossEntropyLoss()

    def step(number: int) -> None:
        x, y = sequences(number)
        loss = criterion(model(x)["logits"], y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad()

    return Scene(model, step, [optimizer], criterion)


class Language(nn.Module):
    """Words in, words out, with one matrix for both."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 12)
        self.middle = nn.Linear(12, 12)
        self.head = nn.Linear(12, 20, bias=False)
        self.head.weight = self.words.weight

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(functional.gelu(self.middle(self.words(x))))
        return y


def language() -> Scene:
    torch.manual_seed(0)
    model = Language()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

    def step(number: int) -> None:
        words = torch.randint(20, (8, 6), generator=torch.Generator().manual_seed(number))
        logits = model(words)
        loss = functional.cross_entropy(logits.flatten(0, 1), (words.flatten() + 1) % 20)
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()

    return Scene(model, step, [optimizer])


def sparse() -> Scene:
    torch.manual_seed(0)
    words, head = nn.Embedding(30, 8, sparse=True), nn.Linear(8, 3)
    model = nn.Sequential(words, nn.Flatten(), nn.Linear(32, 8), nn.ReLU(), head)
    optimizers = [
        torch.optim.SparseAdam(words.parameters(), lr=0.01),
        torch.optim.Adam(model[2:].parameters(), lr=0.01),
    ]

    def step(number: int) -> None:
        x = torch.randint(30, (16, 4), generator=torch.Generator().manual_seed(number))
        loss = functional.cross_entropy(model(x), x[:, 0] % 3)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()

    return Scene(model, step, optimizers)


def mixed_precision() -> Scene:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=7)
    criterion = nn.CrossEntropyLoss()

    def step(number: int) -> None:
        x, y = batch(number)
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = criterion(model(x), y)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()

    return Scene(model, step, [optimizer], criterion)


def half_precision() -> Scene:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 3)).bfloat16()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

    def step(number: int) -> None:
        x, y = batch(number)
        optimizer.zero_grad()
        functional.cross_entropy(model(x.bfloat16()), y).backward()
        optimizer.step()

    return Scene(model, step, [optimizer])


def accumulation() -> Scene:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(number: int) -> None:
        optimizer.zero_grad()
        for part in range(4):
            x, y = batch(4 * number + part)
            (functional.cross_entropy(model(x), y) / 4).backward()
        optimizer.step()

    return Scene(model, step, [optimizer])


class Tuple(nn.Module):
    """Gives its loss by itself, among other things, as transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(12, 24), nn.SiLU(), nn.Linear(24, 3))

    def forward(self, *, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.body(x)
        return functional.cross_entropy(logits, labels), logits


def own_loss() -> Scene:
    torch.manual_seed(0)
    model = Tuple()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.005)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10)

    def step(number: int) -> None:
        x, y = batch(number)
        loss, _ = model(x=x, labels=y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()

    return Scene(model, step, [optimizer])


def lbfgs() -> Scene:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3))
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=4)
    x, y = batch(0, 64)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        return loss

    return Scene(model, lambda number: optimizer.step(closure), [optimizer])


def by_hand() -> Scene:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 3))

    def step(number: int) -> None:
        x, y = batch(number)
        loss = functional.cross_entropy(model(x), y)
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.1 * parameter.grad

    return Scene(model, step)


def adversarial() -> Scene:
    """The judge of two networks that train against each other."""
    torch.manual_seed(0)
    maker = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 12))
    judge = nn.Sequential(nn.Linear(12, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    criterion = nn.BCEWithLogitsLoss()
    makes = torch.optim.Adam(maker.parameters(), lr=0.002)
    judges = torch.optim.Adam(judge.parameters(), lr=0.002)

    def step(number: int) -> None:
        real, _ = batch(number)
        fake = maker(torch.randn(16, 4))
        judge.zero_grad()
        criterion(judge(real), torch.ones(16, 1)).backward()
        criterion(judge(fake.detach()), torch.zeros(16, 1)).backward()
        judges.step()
        maker.zero_grad()
        criterion(judge(fake), torch.ones(16, 1)).backward()
        makes.step()

    return Scene(judge, step, [judges], criterion, [maker])


def validated() -> Scene:
    """Evaluates between the epochs, as one should."""
    scene = mlp()
    inner = scene.step

    def step(number: int) -> None:
        scene.model.train()
        inner(number)
        if number % 5 == 4:
            scene.model.eval()
            with torch.no_grad():
                x, y = batch(999)
                assert scene.criterion is not None
                scene.criterion(scene.model(x), y)

    return Scene(scene.model, step, scene.optimizers, scene.criterion)


class Checkpointed(nn.Module):
    def __init__(self, *, use_reentrant: bool) -> None:
        super().__init__()
        self.use_reentrant = use_reentrant
        self.first = nn.Linear(12, 24)
        self.body = nn.Sequential(nn.Linear(24, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Dropout(0.2))
        self.last = nn.Linear(24, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        x = checkpoint(self.body, x, use_reentrant=self.use_reentrant)
        y: Tensor = self.last(x)
        return y


def checkpointed() -> Scene:
    torch.manual_seed(0)
    return usual(Checkpointed(use_reentrant=False))


def reentrant() -> Scene:
    torch.manual_seed(0)
    return usual(Checkpointed(use_reentrant=True))


def parallel() -> Scene:
    torch.manual_seed(0)
    scene = usual(nn.DataParallel(Functional()))
    return scene


def double() -> Scene:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    criterion = nn.MSELoss()

    def step(number: int) -> None:
        x, y = batch(number)
        optimizer.zero_grad()
        criterion(model(x.double()), y.double().unsqueeze(1)).backward()
        optimizer.step()

    return Scene(model, step, [optimizer], criterion)


def lazy() -> Scene:
    torch.manual_seed(0)
    model = nn.Sequential(nn.LazyLinear(24), nn.ReLU(), nn.LazyLinear(3))
    model(batch(0)[0])
    return usual(model)


def normed() -> Scene:
    """Weights that are computed from others."""
    torch.manual_seed(0)
    first = torch.nn.utils.parametrizations.weight_norm(nn.Linear(12, 24))
    return usual(nn.Sequential(first, nn.ELU(), nn.Linear(24, 3)))


SCENES: dict[str, Callable[[], Scene]] = {
    make.__name__: make
    for make in (
        mlp,
        functional_mlp,
        convolutional,
        residual,
        recurrent,
        cells,
        attention,
        language,
        sparse,
        mixed_precision,
        half_precision,
        accumulation,
        own_loss,
        lbfgs,
        by_hand,
        adversarial,
        validated,
        checkpointed,
        reentrant,
        parallel,
        double,
        lazy,
        normed,
    )
}
