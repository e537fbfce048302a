"""Records in wire form, and moments: what all rooms of the emulator write down alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

Wire = dict[str, Any]
Clock = Callable[[], datetime]

ROOT = "/api"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

# Decimals pass through untouched: a price written as the number 12.50 must not come back as 12.5.
decode = msgspec.json.Decoder(float_hook=Decimal).decode
encode = msgspec.json.Encoder(decimal_format="number").encode
canonical = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode
# `float` where msgspec's own float would refuse a number too large for one.
decode_plain = msgspec.json.Decoder(float_hook=float).decode


def iso(moment: int) -> str:
    return (EPOCH + moment * MILLISECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")
