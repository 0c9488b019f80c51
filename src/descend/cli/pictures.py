"""Pictures as the network knows them: of its images' size, on the scale of its raw values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from descend.cli.inputs import unreadable
from descend.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from descend.runs.run import Run

WHITE = 255
LIGHT_ON_DARK = ("digits", "mnist", "fashion-mnist")
# What is white in a source: digits count ink from 0 to 16, shapes are made between 0 and 1, all
# others are IDX files of bytes.
UNITS = {"digits": 16, "shapes": 1}


def read_picture(path: Path, run: Run, is_inverted: bool) -> tuple[NDArray[Any], str | None]:
    """A picture as raw values of one example, and a note where its colours seem inverted."""
    import numpy as np

    image = opened(path)
    wanted = run.preparation.image
    if wanted is None:
        raise DataError(
            f"INPUT must be numbers for a network that was not trained on images: {str(path)!r}",
            hint=f"each example has {run.preparation.features} numbers",
        )
    rows, columns = wanted
    if (image.height, image.width) != wanted:
        raise DataError(
            f"a picture must have {columns} x {rows} pixels like the training images: "
            f"{path} has {image.width} x {image.height}",
            hint="scale it first; the network knows no other size",
        )
    is_colour = run.preparation.task == "pixels"
    values = np.asarray(image if is_colour else grey(image), dtype=np.float64)
    if is_inverted:
        values = WHITE - values
    note = None
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    if run.recipe.data.source in LIGHT_ON_DARK and border.mean() > WHITE / 2:
        note = "the training images are light on a dark ground, this one is not; see --invert"
    shape = (1, -1, 3) if is_colour else (1, -1)
    return values.reshape(shape) * unit(run, path), note


def opened(path: Path) -> Image:
    """The picture in red, green and blue, what is transparent on white."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as file:
            # 16 bits, which Pillow would cut and not scale
            is_deep = file.mode.startswith("I")
            image = file.point(lambda value: value / 257).convert("L") if is_deep else file
            opaque = Image.new("RGBA", image.size, "white")
            opaque.alpha_composite(image.convert("RGBA"))
            return opaque.convert("RGB")
    except UnidentifiedImageError:
        raise DataError(f"{path} must be a picture: it is another kind of file") from None
    except OSError as error:
        if error.errno is not None:
            raise unreadable(path, error) from None
        raise DataError(f"{path} must be a whole picture: {error}") from None
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} must be a whole picture: {error}") from None


def grey(image: Image) -> Image:
    """Lightness from 0, black, to 255, white."""
    return image.convert("L")


def unit(run: Run, path: Path) -> float:
    """What one step of a picture's lightness is on the scale of the run's raw values."""
    from descend.runs.folder import RunFolder

    assert run.folder is not None
    if RunFolder(run.folder).read_facts()["data"]["is_from_arrays"]:
        raise DataError(
            f"INPUT must be a file of numbers for a run that was trained on arrays: {str(path)!r}",
            hint="which number its arrays have for white is not known; save the picture as .npy",
        )
    return UNITS.get(run.recipe.data.source, WHITE) / WHITE
