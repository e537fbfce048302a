"""Schemas of others, rebuilt by hand with invented rows: each with the version of its facts, and what is guessed."""

from real_schemas.case import RealSchema
from real_schemas.known import CASES

__all__ = ["CASES", "RealSchema"]
