"""Progress bars, with tqdm (the `progress` extra)."""

from __future__ import annotations

from typing import Any

__all__ = ["ProgressBars"]


class ProgressBars:
    """One bar for each thing that is being done; the progress callback of a session."""

    def __init__(self) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            raise ImportError("progress bars need tqdm: pip install 'keapbridge[progress]'") from error
        self._tqdm = tqdm
        self._bars: dict[tuple[str, str], Any] = {}

    def __call__(self, name: str, doing: str, done: int, total: int | None) -> None:
        key = (name, doing)
        bar = self._bars.get(key)
        if bar is None or done < bar.n:
            bar = self._bars[key] = self._tqdm(total=total, desc=f"{name}: {doing}", unit=" records")
        bar.total = total
        bar.update(done - bar.n)
        if total is not None and done >= total:
            bar.close()
            del self._bars[key]
