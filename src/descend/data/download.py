"""Files fetched from public mirrors: whole, with the published SHA-256, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import logging
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from descend.errors import DataError

_CHUNK = 1 << 20
# A host that does not answer costs this long; one that answers may take as long as it needs.
_TIMEOUT = 8.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RemoteFile:
    """One published file: its name at every mirror, and what it must be."""

    name: str
    sha256: str
    size: int


def fetch(
    file: RemoteFile, mirrors: Sequence[str], folder: Path, timeout: float = _TIMEOUT
) -> Path:
    """`file` in `folder`, from the first of `mirrors` (addresses of folders) that has it.

    The file appears under its name only when it is complete and its checksum is right. Raises
    DataError with one reason for each mirror.
    """
    reasons = []
    for mirror in mirrors:
        address = f"{mirror.rstrip('/')}/{file.name}"
        _log.info("downloading %s (%.1f MB)", address, file.size / 1e6)
        try:
            return _fetch(address, file, folder, timeout)
        except (OSError, http.client.HTTPException, _WrongContentError) as error:
            reasons.append(f"{urlsplit(mirror).netloc}: {_reason(error)}")
    raise DataError(f"{file.name} must come from one of its mirrors: {'; '.join(reasons)}")


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return str(error)
    inner = getattr(error, "reason", error)
    return str(getattr(inner, "strerror", None) or inner)


class _WrongContentError(Exception):
    """A mirror sent something else than the published file."""


def _fetch(address: str, file: RemoteFile, folder: Path, timeout: float) -> Path:
    request = urllib.request.Request(address, headers={"User-Agent": "descend"})
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=folder)
        try:
            with os.fdopen(handle, "wb") as out:
                _copy(answer, out, file)
                out.flush()
                os.fsync(out.fileno())
            return Path(temporary).replace(folder / file.name)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise


def _copy(answer: http.client.HTTPResponse, out: IO[bytes], file: RemoteFile) -> None:
    digest, size = hashlib.sha256(), 0
    while chunk := answer.read(_CHUNK):
        size += len(chunk)
        if size > file.size:
            raise _WrongContentError(f"more than the published {file.size:,} bytes came")
        digest.update(chunk)
        out.write(chunk)
    if digest.hexdigest() != file.sha256:
        raise _WrongContentError(
            f"{size:,} bytes with SHA-256 {digest.hexdigest()[:12]}… came, "
            f"{file.size:,} with {file.sha256[:12]}… were published"
        )
