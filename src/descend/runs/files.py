"""Files that are written whole or not at all: a temporary one, fsync, rename."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch
from torch import Tensor

from descend.errors import RunError

if TYPE_CHECKING:
    import polars

TEMPORARY = ".tmp"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Where to write what then becomes `path`; a crash leaves the old file or the new one, whole.

    Raises RunError where it cannot be written; what was written so far is removed.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError | safetensors.SafetensorError):
            raise unwritable(path, error) from None
        raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Where to fill what then becomes the folder `path`, complete or not there at all.

    Raises RunError where it cannot be written.
    """
    hidden = path.with_name(f".{path.name}{TEMPORARY}")
    if hidden.exists():  # of a process that was killed
        shutil.rmtree(hidden, ignore_errors=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden.mkdir()
    except OSError as error:
        raise RunError(
            f"`--out` must be a folder that can be written: {str(path.parent)!r} "
            f"({error.strerror})",
            hint="choose another place with --out, for example --out ~/runs",
        ) from None
    try:
        yield hidden
        hidden.rename(path)
        sync(path.parent)
    except BaseException as error:
        shutil.rmtree(hidden, ignore_errors=True)
        raise unwritable(path, error) if isinstance(error, OSError) else error from None


def remove_begun(paths: Iterable[Path]) -> None:
    """Remove files that a process had only begun to write when it was killed."""
    for path in paths:
        with suppress(OSError):
            path.unlink()


def unwritable(path: Path, error: Exception) -> RunError:
    """The error of a file that could not be written."""
    reason = getattr(error, "strerror", None) or error
    return RunError(
        f"{path.name} must be writable in {str(path.parent)!r}: {reason}",
        hint="free space or allow writing there, then `descend resume` goes on from what is kept; "
        "--out chooses another place",
    )


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, lie on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open folders
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, content: str) -> None:
    """Replace `path` by a text in UTF-8."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode())


def write_json(path: Path, content: Any) -> None:
    """Replace `path` by a JSON document; NaN and infinities become null."""
    write_text(path, to_json(content, indent=1) + "\n")


def to_json(content: Any, indent: int | None = None) -> str:
    """Strict JSON: what is not finite becomes null."""
    return json.dumps(_finite(content), indent=indent, allow_nan=False, ensure_ascii=False)


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Replace `path` by a safetensors file."""
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        safetensors.torch.save_file(_unshared(on_cpu), temporary)
        # safetensors lets nobody else read it; whoever may read the folder may read the weights
        temporary.chmod(path.parent.stat().st_mode & 0o666)


def write_table(path: Path, frame: polars.DataFrame) -> None:
    """Replace `path` by a Parquet file."""
    buffer = BytesIO()
    # level 1: half the time of polars' own choice and as small, for losses
    frame.write_parquet(buffer, compression="zstd", compression_level=1, statistics=False)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; RunError where it is missing or torn."""
    try:
        return safetensors.torch.load(path.read_bytes())
    except (OSError, safetensors.SafetensorError) as error:
        raise RunError(f"{path.name} must be a safetensors file: {str(path)!r} ({error})") from None


def read_table(path: Path) -> polars.DataFrame:
    """The table of a Parquet file; RunError where it is missing or torn."""
    import polars

    try:
        return polars.read_parquet(path, memory_map=False)
    except (OSError, polars.exceptions.PolarsError) as error:
        raise RunError(f"{path.name} must be a Parquet file: {str(path)!r} ({error})") from None


def read_json(path: Path) -> Any:
    """A JSON document; RunError where it is missing or torn."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path.name} must be JSON that descend wrote: {str(path)!r} ({error})",
            hint="is this the folder of a run? `descend runs` lists them",
        ) from None


def _unshared(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without shared memory, which safetensors refuses: the later ones are copies."""
    seen: set[int] = set()
    result = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        result[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return result


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if content - content == 0 else None
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return content
