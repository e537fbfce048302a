"""The body of an answer, within bounds. Decompressed here, because a small body can become a very large one. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from keapbridge._io.bounds import Bounds
from keapbridge.errors import TransportError

__all__ = ["ENCODINGS", "Body"]

ENCODINGS = "gzip, deflate"
"""What may be sent to us; others cannot be decompressed a bounded piece at a time."""


class Body:
    """Takes the bytes of a body as they come.

    Args:
        headers: of the answer, names in lower case.

    Raises:
        BoundError: for a body that says that it is too long.
        TransportError: for one in an encoding that was not asked for.
    """

    def __init__(self, headers: Mapping[str, str], bounds: Bounds) -> None:
        self._bounds = bounds
        self._parts: list[bytes] = []
        self._length = 0
        self._encoding = headers.get("content-encoding", "").strip().lower()
        if self._encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise TransportError("the answer is in an encoding that was not asked for")
        self._decompressor = zlib.decompressobj(zlib.MAX_WBITS | 32) if self._is_compressed else None
        length = headers.get("content-length", "").strip()
        if not self._is_compressed and length.isdecimal() and len(length) < 20 and int(length) > bounds.answer_bytes:
            raise self._too_long()

    @property
    def _is_compressed(self) -> bool:
        return self._encoding not in {"", "identity"}

    def add(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            BoundError: when the body is too long by now.
            TransportError: when it cannot be decompressed.
        """
        part = chunk if self._decompressor is None else self._decompressed(chunk)
        self._length += len(part)
        if self._length > self._bounds.answer_bytes:
            self._parts.clear()
            raise self._too_long()
        self._parts.append(part)

    def value(self) -> bytes:
        """All of it."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def _decompressed(self, chunk: bytes) -> bytes:
        assert self._decompressor is not None
        room = self._bounds.answer_bytes - self._length + 1  # never 0, which would mean no bound
        try:
            return self._decompressor.decompress(chunk, room)
        except zlib.error:
            pass
        if self._encoding == "deflate" and not self._length:  # some servers send it without its envelope
            try:
                self._decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
                return self._decompressor.decompress(chunk, room)
            except zlib.error:
                pass
        raise TransportError("the answer cannot be decompressed")

    def _too_long(self) -> Exception:
        return self._bounds.reached("answer_bytes", f"the answer is longer than {self._bounds.answer_bytes} bytes")
