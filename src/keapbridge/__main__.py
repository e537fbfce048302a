"""`python -m keapbridge`, which is the command `keapbridge`; all of it is in `keapbridge.command`."""

from __future__ import annotations

import sys

from keapbridge.command import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
