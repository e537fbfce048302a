"""Kinds of values, by theme; what all of them have is in `base`. No other room asks which kind a field has."""

from keapbridge.mapping.kinds.base import Asked, Context, Kind, Sample, a_kind, carriable
from keapbridge.mapping.kinds.consent import may_be_asked, opted_out
from keapbridge.mapping.kinds.made import name_of
from keapbridge.mapping.kinds.money import is_currency
from keapbridge.mapping.kinds.named_in_keap import marks_of
from keapbridge.mapping.kinds.references import is_pending, pending_id, pending_reference

__all__ = [
    "Asked",
    "Context",
    "Kind",
    "Sample",
    "a_kind",
    "carriable",
    "is_currency",
    "is_pending",
    "marks_of",
    "may_be_asked",
    "name_of",
    "opted_out",
    "pending_id",
    "pending_reference",
]
