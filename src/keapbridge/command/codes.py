"""How the command ends."""

from __future__ import annotations

from typing import Final

__all__ = ["CANNOT", "OK", "TRY_LATER", "WANTS_A_PERSON"]

OK: Final = 0
WANTS_A_PERSON: Final = 1
CANNOT: Final = 2
TRY_LATER: Final = 75
"""As sendmail's EX_TEMPFAIL, which schedulers and mail systems know."""
