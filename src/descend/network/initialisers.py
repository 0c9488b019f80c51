"""The first weights of a network, number for number as `torch.nn.Linear` and `torch.nn.init` draw.

Each function fills a weight of torch's layout (fan_out, fan_in) in place.
The stack multiplies from the left, z = x w + b: `draw` hands out the transpose (fan_in, fan_out).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from descend.errors import NetworkError
from descend.network.init_names import BIAS_INITIALISERS, Init, RBMSettings, complete

SQRT_2 = math.sqrt(2.0)
SQRT_3 = math.sqrt(3.0)


@dataclass(frozen=True)
class LayerShape:
    """One affine layer: its sizes, and how its weight and its bias are drawn, defaults filled in.

    Raises NetworkError for a size below 1, RecipeError for an unknown name or parameter.
    """

    fan_in: int
    fan_out: int
    init: Init = field(default_factory=Init)
    bias_init: Init = field(default_factory=Init)

    def __post_init__(self) -> None:
        if self.fan_in < 1 or self.fan_out < 1:
            raise NetworkError(
                "a layer needs at least one input and one unit: "
                f"given fan_in {self.fan_in} and fan_out {self.fan_out}",
                hint="every width in `network.hidden` has to be 1 or more",
            )
        init = complete(self.init.name, self.init.parameters)
        bias_init = complete(self.bias_init.name, self.bias_init.parameters, BIAS_INITIALISERS)
        object.__setattr__(self, "init", Init(self.init.name, init))
        object.__setattr__(self, "bias_init", Init(self.bias_init.name, bias_init))


def draw(
    shapes: Sequence[LayerShape], generator: Generator, dtype: torch.dtype = torch.float32
) -> list[tuple[Float[Tensor, "_fan_in _fan_out"], Float[Tensor, "_fan_out"]]]:
    """The weight (fan_in, fan_out) and the bias (fan_out,) of every layer of one run.

    First every weight and bias is drawn in layer order as constructing `torch.nn.Linear` does.
    Then, in layer order again, each weight whose initialiser is not `torch` is drawn anew, followed
    by its bias if that has an initialiser of its own; without one it keeps its first draw.
    Under `rbm` a bias without an initialiser of its own is zero: `greedy` trains the layer.
    """
    drawn = []
    for shape in shapes:
        w = torch.empty(shape.fan_out, shape.fan_in, dtype=dtype, device=generator.device)
        b = torch.empty(shape.fan_out, dtype=dtype, device=generator.device)
        torch_weight(w, generator)
        torch_bias(b, generator, shape.fan_in)
        drawn.append((w, b))
    for shape, (w, b) in zip(shapes, drawn, strict=True):
        if shape.init.name != "torch":
            FILLS[shape.init.name](w, generator, **shape.init.parameters)
        if shape.bias_init.name != "torch":
            FILLS[shape.bias_init.name](b, generator, **shape.bias_init.parameters)
        elif shape.init.name == "rbm":
            b.zero_()
    return [(w.mT, b) for w, b in drawn]


def torch_weight(w: Float[Tensor, "fan_out fan_in"], generator: Generator) -> None:
    """Fills w as `torch.nn.Linear` does: U(−1/√fan_in, 1/√fan_in)."""
    # torch says it as kaiming_uniform(a=√5), and √5² is not 5 in floating point: its last bit
    he_uniform(w, generator, gain=math.sqrt(2.0 / (1 + math.sqrt(5.0) ** 2)))


def torch_bias(b: Float[Tensor, "fan_out"], generator: Generator, fan_in: int) -> None:
    """Fills b as `torch.nn.Linear` does: U(−1/√fan_in, 1/√fan_in)."""
    bound = 1 / math.sqrt(fan_in)
    b.uniform_(-bound, bound, generator=generator)


def zeros(w: Float[Tensor, "..."], generator: Generator) -> None:
    """Fills w with 0; units that start equal stay equal, so hidden layers never break symmetry."""
    w.zero_()


def ones(w: Float[Tensor, "..."], generator: Generator) -> None:
    """Fills w with 1; symmetric as `zeros` is."""
    w.fill_(1.0)


def constant(w: Float[Tensor, "..."], generator: Generator, value: float) -> None:
    """Fills w with one value; symmetric as `zeros` is."""
    w.fill_(value)


def normal(
    w: Float[Tensor, "..."], generator: Generator, mean: float = 0.0, std: float = 1.0
) -> None:
    """Fills w from N(mean, std²)."""
    w.normal_(mean, std, generator=generator)


def uniform(
    w: Float[Tensor, "..."], generator: Generator, low: float = 0.0, high: float = 1.0
) -> None:
    """Fills w from U(low, high)."""
    w.uniform_(low, high, generator=generator)


def xavier_normal(
    w: Float[Tensor, "fan_out fan_in"], generator: Generator, gain: float = 1.0
) -> None:
    """Fills w from N(0, std²), std = gain √(2 / (fan_in + fan_out)); for tanh and sigmoid.

    A compromise: it nearly keeps the spread of activations forwards and of gradients backwards.
    Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward networks".
    """
    fan_out, fan_in = w.shape
    w.normal_(0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator=generator)


def xavier_uniform(
    w: Float[Tensor, "fan_out fan_in"], generator: Generator, gain: float = 1.0
) -> None:
    """Fills w from U(−bound, bound), bound = gain √(6 / (fan_in + fan_out)): Xavier's variance."""
    fan_out, fan_in = w.shape
    # √3 √(2/n), not √(6/n), for torch's last bit
    bound = SQRT_3 * (gain * math.sqrt(2.0 / (fan_in + fan_out)))
    w.uniform_(-bound, bound, generator=generator)


def he_normal(
    w: Float[Tensor, "fan_out fan_in"],
    generator: Generator,
    gain: float = SQRT_2,
    mode: str = "fan_in",
) -> None:
    """Fills w from N(0, std²), std = gain / √fan; the gain √2 makes up for what ReLU cuts off.

    `mode` chooses fan_in, which keeps the spread forwards, or fan_out, which keeps it backwards.
    He, Zhang, Ren & Sun 2015, "Delving deep into rectifiers".
    """
    w.normal_(0.0, gain / math.sqrt(_fan(w, mode)), generator=generator)


def he_uniform(
    w: Float[Tensor, "fan_out fan_in"],
    generator: Generator,
    gain: float = SQRT_2,
    mode: str = "fan_in",
) -> None:
    """Fills w from U(−bound, bound), bound = gain √(3 / fan): the variance of `he_normal`."""
    bound = SQRT_3 * (gain / math.sqrt(_fan(w, mode)))
    w.uniform_(-bound, bound, generator=generator)


def lecun_normal(w: Float[Tensor, "fan_out fan_in"], generator: Generator) -> None:
    """Fills w from N(0, 1 / fan_in), which hands on the inputs' variance; SELU's companion.

    LeCun, Bottou, Orr & Müller 1998, "Efficient BackProp".
    """
    he_normal(w, generator, gain=1.0)


def lecun_uniform(w: Float[Tensor, "fan_out fan_in"], generator: Generator) -> None:
    """Fills w from U(−√(3 / fan_in), √(3 / fan_in)): the variance of `lecun_normal`."""
    he_uniform(w, generator, gain=1.0)


def orthogonal(w: Float[Tensor, "fan_out fan_in"], generator: Generator, gain: float = 1.0) -> None:
    """Fills w with gain · Q, where Q's rows or columns, whichever are fewer, are orthonormal.

    Saxe, McClelland & Ganguli 2013, "Exact solutions to the nonlinear dynamics of learning".
    """
    torch.nn.init.orthogonal_(w, gain, generator=generator)


def rbm(
    w: Float[Tensor, "fan_out fan_in"],
    generator: Generator,
    std: float = RBMSettings.std,
    **of_the_training: object,
) -> None:
    """Fills w from N(0, std²): where the machine starts that `greedy.pretrain` trains.

    Hinton 2012, "A practical guide to training restricted Boltzmann machines", section 8.
    """
    w.normal_(0.0, std, generator=generator)


def _fan(w: Float[Tensor, "fan_out fan_in"], mode: str) -> int:
    fan_out, fan_in = w.shape
    return fan_in if mode == "fan_in" else fan_out


# `LayerShape` has checked that the keywords are those of the function
FILLS: Mapping[str, Callable[..., None]] = {
    "torch": torch_weight,
    "zeros": zeros,
    "ones": ones,
    "constant": constant,
    "normal": normal,
    "uniform": uniform,
    "xavier_normal": xavier_normal,
    "xavier_uniform": xavier_uniform,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "lecun_normal": lecun_normal,
    "lecun_uniform": lecun_uniform,
    "orthogonal": orthogonal,
    "rbm": rbm,
}
