"""What `predict` and `evaluate` are given: numbers, files of examples, pictures."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descend.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILES = (".npy", ".npz", ".csv")


def numbers_of(text: str) -> list[float] | None:
    """The numbers of `0, 1` or `0 1`; None where the text is none."""
    words = text.replace(",", " ").split()
    try:
        return [float(word) for word in words] or None
    except ValueError:
        return None


def read_examples(path: Path) -> tuple[Any, Any]:
    """The arrays x and y of a .npy, .npz or .csv file; y is None where the file has none."""
    if path.suffix == ".csv":
        return read_csv(path), None
    return read_arrays(path, needs_y=False)


def read_arrays(path: Path, needs_y: bool) -> tuple[Any, Any]:
    """The arrays of a .npy or .npz file; nothing in it is executed."""
    import numpy as np

    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded, None
            arrays = {name: loaded[name] for name in loaded.files}
    except OSError as error:
        raise unreadable(path, error) from None
    except (ValueError, EOFError, zipfile.BadZipFile, KeyError):
        raise DataError(
            f"{path} must be a numpy file of numbers: it is none, or holds other objects",
            hint="numpy.savez('mine.npz', x=x, y=y) writes one",
        ) from None
    missing = [name for name in (("x", "y") if needs_y else ("x",)) if name not in arrays]
    if missing:
        raise DataError(
            f"{path} must hold an array {' and '.join(missing)}: it holds "
            f"{', '.join(arrays) or 'nothing'}",
            hint="numpy.savez('mine.npz', x=x, y=y) writes one",
        )
    return arrays["x"], arrays.get("y")


def read_csv(path: Path) -> NDArray[np.float64]:
    """One example in each row; a first row that holds no number is a header."""
    import numpy as np

    rows: list[list[float]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for number, row in enumerate(csv.reader(file), start=1):
                if not row:
                    continue
                values = numbers_of(" ".join(cell or "?" for cell in row))
                if values is None and number == 1:
                    continue
                if values is None or (rows and len(values) != len(rows[0])):
                    wanted = f"{len(rows[0])} numbers" if rows else "numbers"
                    raise DataError(
                        f"{path} must have {wanted} in every row: line {number} is "
                        f"{','.join(row)[:60]!r}",
                        hint="one example in each line, its numbers with commas between them",
                    )
                rows.append(values)
    except OSError as error:
        raise unreadable(path, error) from None
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path} must be a text in UTF-8 with commas between numbers") from None
    if not rows:
        raise DataError(f"{path} must hold at least one example: it holds none")
    return np.array(rows)


def unreadable(path: Path, error: OSError) -> DataError:
    """The error of a file that cannot be read."""
    return DataError(f"INPUT must be a readable file: {str(path)!r} ({error.strerror})")
