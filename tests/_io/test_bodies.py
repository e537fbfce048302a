"""Bodies of answers, read within bounds."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

import keapbridge as kb
from keapbridge._io.bodies import Body

TEXT = b'{"id": "1"}' * 1000


def _read(encoding: str, sent: bytes, most: int = 100_000, step: int = 7) -> bytes:
    body = Body({"content-encoding": encoding}, kb.Bounds(answer_bytes=most))
    for start in range(0, len(sent), step):
        body.add(sent[start : start + step])
    return body.value()


def _raw(text: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(text) + compressor.flush()


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("GZip", gzip.compress(TEXT, mtime=0)),
        ("x-gzip", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", _raw(TEXT)),
        ("gzip", b""),
    ],
)
@pytest.mark.parametrize("step", [3, 100_000])
def test_a_body_is_read_however_it_comes(encoding: str, sent: bytes, step: int) -> None:
    assert _read(encoding, sent, step=step) == (TEXT if sent else b"")


@pytest.mark.parametrize("sent", [TEXT, gzip.compress(TEXT, mtime=0)])
def test_the_bound_is_the_last_byte_that_may_come(sent: bytes) -> None:
    encoding = "" if sent is TEXT else "gzip"
    assert _read(encoding, sent, len(TEXT)) == TEXT
    with pytest.raises(kb.BoundError, match=r"longer than 10999 bytes.*Bounds\(answer_bytes=…\)") as caught:
        _read(encoding, sent, len(TEXT) - 1)
    assert caught.value.bound == "answer_bytes"
    assert caught.value.sent


def test_a_small_body_that_becomes_a_large_one_takes_no_more_than_the_bound() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(kb.BoundError):
            _read("gzip", bomb, 1_000_000, step=len(bomb))
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_body_that_says_that_it_is_too_long_is_not_begun() -> None:
    with pytest.raises(kb.BoundError):
        Body({"content-length": "101"}, kb.Bounds(answer_bytes=100))
    for odd in ("-5", "x", "", "9" * 400, "100"):
        Body({"content-length": odd}, kb.Bounds(answer_bytes=100)).add(b"1" * 100)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_what_cannot_be_decompressed_bit_by_bit_is_refused(encoding: str) -> None:
    with pytest.raises(kb.TransportError, match="not asked for"):
        _read(encoding, TEXT)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_in_another_encoding_than_it_says_is_no_answer(encoding: str) -> None:
    with pytest.raises(kb.TransportError, match="cannot be decompressed"):
        _read(encoding, TEXT)
