"""The ratios of the table as a picture: how far each is from what it is compared with, and from its target.

`python -m benchmarks.chart` draws it of the table on the page, as does a whole run that renews the table there.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

import attrs

__all__ = ["PAGE", "PICTURE", "Ratio", "drawn", "ratios"]

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "concepts" / "performance.md"
PICTURE = ROOT / "docs" / "assets" / "performance.svg"
LEFT, WIDTH, ROW, TOP = 560, 340, 24, 40
LEAST, MOST = 0.5, 16.0
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.q{fill:#777}.axis{stroke:#bbb}.bar{fill:#2f8d7d}.miss{fill:#c0453c}"
    ".target{stroke:#c78f1d;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.q{fill:#999}.axis{stroke:#555}}"
)


@attrs.frozen
class Ratio:
    """A line of the table that is a ratio.

    Attributes:
        ratio: of what was measured and the other.
        least: whether it must be at least the target, or at most.
    """

    what: str
    ratio: float
    target: float
    least: bool
    passed: bool


def ratios(page: str) -> Sequence[Ratio]:
    """Those of the table on a page, in its order; what is held to nothing is left out."""
    found = []
    for line in re.findall(r"^\| (?!row|---)(.+) \|$", page, re.MULTILINE):
        cells = [cell.strip().replace("`", "") for cell in line.split(" | ")]
        if len(cells) == 8 and cells[6] != "–" and (number := re.fullmatch(r"([\d.,]+)×", cells[5])):
            sign, limit = cells[6].rstrip("×").split()
            ratio = float(number[1].replace(",", ""))
            found.append(Ratio(f"{cells[1]}: {cells[2]}", ratio, float(limit), sign == "≥", cells[7] == "pass"))
    return found


def _at(ratio: float) -> float:
    """Where a ratio is: each doubling is as wide."""
    part = math.log2(min(max(ratio, LEAST), MOST) / LEAST) / math.log2(MOST / LEAST)
    return LEFT + part * WIDTH


def drawn(found: Sequence[Ratio]) -> str:
    """The picture, as SVG."""
    height = TOP + ROW * len(found) + 30
    ticks = [2.0**n for n in range(int(math.log2(LEAST)), int(math.log2(MOST)) + 1)]
    parts = [
        f'<line class="axis" x1="{_at(t):.1f}" x2="{_at(t):.1f}" y1="{TOP - 8}" y2="{height - 26}"/>'
        f'<text class="q" x="{_at(t):.1f}" y="{TOP - 14}" text-anchor="middle">{t:g}×</text>'
        for t in ticks
    ]
    for number, each in enumerate(found):
        y = TOP + ROW * number
        first, last = sorted((_at(1.0), _at(each.ratio)))
        held = f"target {'≥' if each.least else '≤'} {each.target:g}×"
        what, mood = escape(each.what), "bar" if each.passed else "miss"
        place = f'x="{first:.1f}" y="{y + 3}" width="{max(2.0, last - first):.1f}" height="12" rx="2"'
        at = f"{_at(each.target):.1f}"
        parts += [
            f'<text x="{LEFT - 12}" y="{y + 12}" text-anchor="end">{escape(_short(each.what))}</text>',
            f'<rect class="{mood}" {place}><title>{what}: {each.ratio:g}×, {held}</title></rect>',
            f'<line class="target" x1="{at}" x2="{at}" y1="{y}" y2="{y + 18}"/>',
            f'<text x="{LEFT + WIDTH + 14}" y="{y + 12}">{each.ratio:g}× ({held})</text>',
        ]
    told = "What was measured, as a multiple of what it is compared with; the stroke is the target."
    parts.append(f'<text class="q" x="{LEFT}" y="{height - 8}">{told}</text>')
    body = "\n".join(parts)
    size = f'viewBox="0 0 {LEFT + WIDTH + 190} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n<style>{STYLE}</style>\n{body}\n</svg>\n'


def _short(text: str) -> str:
    return text if len(text) <= 84 else f"{text[:83]}…"


if __name__ == "__main__":
    PICTURE.write_text(drawn(ratios(PAGE.read_text("utf-8"))), "utf-8")
    sys.stdout.write(f"{PICTURE.relative_to(ROOT)}\n")
