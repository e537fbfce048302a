"""How the command ends."""

from __future__ import annotations

from typing import Final

__all__ = ["BRAKE", "CANNOT", "OK", "STOPPED", "TRY_LATER", "USAGE", "WANTS_A_PERSON"]

OK: Final = 0
CANNOT: Final = 1
USAGE: Final = 2
"""As argparse ends, and shells."""
WANTS_A_PERSON: Final = 3
BRAKE: Final = 4
TRY_LATER: Final = 75
"""As sendmail's EX_TEMPFAIL, which schedulers and mail systems know."""
STOPPED: Final = 130
"""As shells have it for what Ctrl-C ends."""
