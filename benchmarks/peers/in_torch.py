"""What people write with torch: as the tutorials do, and plainly with everything in memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from side_by_side import Contender
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from peers.images import Images
from peers.pictures import Pictures, ToTensor

Batches = Iterator[tuple[Tensor, Tensor]]


def classifier(hidden: list[int], batch_norm: bool, fan_in: int = 784) -> nn.Sequential:
    """Linear, batch norm where asked, ReLU, for each hidden layer, then ten logits."""
    layers: list[nn.Module] = []
    for units in hidden:
        norm = [nn.BatchNorm1d(units)] if batch_norm else []
        layers += [nn.Linear(fan_in, units), *norm, nn.ReLU()]
        fan_in = units
    return nn.Sequential(*layers, nn.Linear(fan_in, 10))


class OnImages:
    """The loop of the tutorials; a subclass says how it goes through the batches."""

    def __init__(self, hidden: list[int], lr: float, batch_norm: bool, features: int = 784) -> None:
        torch.manual_seed(777)
        self.features = features
        self.model = classifier(hidden, batch_norm, features)
        self.order = torch.Generator()
        self.order.set_state(torch.get_rng_state())  # as if both drew from one stream
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr)
        self.criterion = nn.CrossEntropyLoss()
        self.cost = float("nan")

    def epoch(self) -> None:
        """Train on every batch once."""
        raise NotImplementedError

    def in_order(self, split: str) -> Batches:
        """The batches of an evaluation."""
        raise NotImplementedError

    def evaluate(self) -> None:
        self.model.eval()
        with torch.no_grad():
            for split in ("train", "test"):
                right, loss, count = 0, 0.0, 0
                for x, y in self.in_order(split):
                    outputs = self.model(x.view(-1, self.features))
                    loss += float(self.criterion(outputs, y)) * len(y)
                    right += int((outputs.argmax(dim=1) == y).sum())
                    count += len(y)
                self.scores = loss / count, right / count


class Tutorial(OnImages):
    """A DataLoader over pictures that are converted one by one.

    The loop is the published one, with the sum of costs that holds on to every step's graph.
    """

    def __init__(
        self, images: Images, hidden: list[int], batch: int, lr: float, batch_norm: bool
    ) -> None:
        super().__init__(hidden, lr, batch_norm)
        train = Pictures(images.x, images.y, ToTensor())
        test = Pictures(images.x_test, images.y_test, ToTensor())
        self.train = DataLoader(
            train, batch_size=batch, shuffle=True, drop_last=True, generator=self.order
        )
        self.splits = {
            "train": DataLoader(train, batch_size=batch),
            "test": DataLoader(test, batch_size=batch),
        }

    def epoch(self) -> None:
        self.model.train()
        average = torch.zeros(())
        for x, y in self.train:
            x, y = x.view(-1, 28 * 28).to("cpu"), y.to("cpu")
            self.optimizer.zero_grad()
            cost = self.criterion(self.model(x), y)
            cost.backward()
            self.optimizer.step()
            average = average + cost / len(self.train)
        self.cost = average.item()

    def in_order(self, split: str) -> Batches:
        return iter(self.splits[split])


class Plain(OnImages):
    """Tensors in memory, an order drawn and indexed, evaluation in chunks."""

    chunk = 1000

    def __init__(
        self, images: Images, hidden: list[int], batch: int, lr: float, batch_norm: bool
    ) -> None:
        super().__init__(hidden, lr, batch_norm, images.x.shape[1])
        self.batch = batch
        self.x, self.y = images.as_floats()[0], images.y
        self.splits = {"train": (self.x, self.y), "test": (images.as_floats()[1], images.y_test)}

    def epoch(self) -> None:
        self.model.train()
        total = torch.zeros(())
        steps = 0
        for x, y in self.shuffled():
            x = x.view(-1, self.features)
            self.optimizer.zero_grad()
            cost = self.criterion(self.model(x), y)
            cost.backward()
            self.optimizer.step()
            total += cost.detach()
            steps += 1
        self.cost = float(total) / steps

    def shuffled(self) -> Batches:
        torch.empty((), dtype=torch.int64).random_(generator=self.order)  # as a DataLoader draws
        order = torch.randperm(len(self.x), generator=self.order)
        for rows in order.split(self.batch):
            if len(rows) == self.batch:
                yield self.x[rows], self.y[rows]

    def in_order(self, split: str) -> Batches:
        x, y = self.splits[split]
        return zip(x.split(self.chunk), y.split(self.chunk), strict=True)


def on_images(
    images: Images,
    hidden: list[int],
    batch: int,
    *,
    lr: float,
    batch_norm: bool = False,
    evaluates: bool = False,
) -> list[Contender]:
    """The tutorials' loop and the plain one."""
    contenders = []
    for name, kind in {"tutorial": Tutorial, "plain torch": Plain}.items():
        loop = kind(images, hidden, batch, lr, batch_norm)
        parts = {"training": loop.epoch}
        if evaluates:
            parts["evaluation"] = loop.evaluate
        contenders.append(Contender(name, parts, outcome=partial(getattr, loop, "cost")))
    return contenders


class Anew:
    """A plain training of some epochs from new weights, scored at its end.

    threads: of torch, which takes more than one only where it is told to.
    """

    def __init__(
        self, images: Images, hidden: list[int], batch: int, lr: float, epochs: int, threads: int
    ) -> None:
        self.settings = images, hidden, batch, lr, False
        self.epochs, self.threads = epochs, threads

    def train(self) -> None:
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        self.loop = Plain(*self.settings)
        for _ in range(self.epochs):
            self.loop.epoch()
        self.loop.evaluate()
        torch.set_num_threads(before)


def anew(
    images: Images, hidden: list[int], batch: int, *, lr: float, epochs: int, threads: int
) -> list[Contender]:
    """What a loop over many trainings takes for one of them."""
    loop = Anew(images, hidden, batch, lr, epochs, threads)
    return [Contender("plain torch", {"training": loop.train}, outcome=lambda: loop.loop.cost)]


class XorTutorial:
    """The XOR network of the tutorials, which print its cost every hundredth step."""

    x = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
    y = ((0.0,), (1.0,), (1.0,), (0.0,))

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.cost = float("nan")

    def set_up(self) -> None:
        torch.manual_seed(777)
        self.inputs, self.targets = torch.tensor(self.x), torch.tensor(self.y)
        self.model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())
        self.criterion = nn.BCELoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1)

    def train(self) -> None:
        for step in range(self.steps):
            self.optimizer.zero_grad()
            cost = self.criterion(self.model(self.inputs), self.targets)
            cost.backward()
            self.optimizer.step()
            if step % 100 == 0:
                self.cost = cost.item()


class XorPlain(XorTutorial):
    """The same with bare tensors and functions: what torch costs without its modules."""

    def set_up(self) -> None:
        super().set_up()
        self.parameters = [p.detach().clone().requires_grad_() for p in self.model.parameters()]
        self.optimizer = torch.optim.SGD(self.parameters, lr=1)

    def train(self) -> None:
        w1, b1, w2, b2 = self.parameters
        x, y = self.inputs, self.targets
        for step in range(self.steps):
            hidden = torch.sigmoid(functional.linear(x, w1, b1))
            output = torch.sigmoid(functional.linear(hidden, w2, b2))
            cost = functional.binary_cross_entropy(output, y)
            self.optimizer.zero_grad()
            cost.backward()
            self.optimizer.step()
            if step % 100 == 0:
                self.cost = cost.item()


def on_xor(steps: int) -> list[Contender]:
    """One training of the XOR network, as the tutorials write it and plainly."""
    loops = {"tutorial": XorTutorial(steps), "plain torch": XorPlain(steps)}
    return [
        Contender(
            name,
            {"set-up": loop.set_up, "training": loop.train},
            outcome=partial(getattr, loop, "cost"),
        )
        for name, loop in loops.items()
    ]
