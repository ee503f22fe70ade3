"""Draws time against the number of chunks, both axes logarithmic, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from benchmarks.workload import Outcome

WIDTH, HEIGHT = 760, 480
LEFT, RIGHT, TOP, BOTTOM = 76, 130, 54, 58
COLOURS = {
    "fileflow": "#c2185b",
    "ninja": "#1565c0",
    "make": "#2e7d32",
    "doit": "#ef6c00",
    "snakemake": "#6a1b9a",
}
STYLE = """\
<style>
  text { font: 13px system-ui, sans-serif; fill: #222 }
  .title { font-size: 16px; font-weight: 600 }
  .minor { fill: #666; font-size: 12px }
  .grid { stroke: #ddd } .frame { fill: #fff }
  polyline { fill: none; stroke-width: 2 }
</style>
"""

Points = list[tuple[float, float]]


def curves(outcomes: Iterable[Outcome], axis: str = "nothing to do") -> dict[str, Points]:
    """For each tool the time at each number of chunks; the faster one where two were measured."""
    found: dict[str, dict[float, float]] = {}
    for outcome in outcomes:
        if outcome.axis != axis:
            continue
        for figures in outcome.results.values():
            if figures.median is not None:
                times = found.setdefault(figures.tool, {})
                times[outcome.count] = min(figures.median, times.get(outcome.count, math.inf))
    return {tool: sorted(times.items()) for tool, times in found.items()}


def decades(values: Iterable[float]) -> tuple[int, int]:
    """The powers of ten that hold all values, at least one apart."""
    logs = [math.log10(value) for value in values]
    low, high = math.floor(min(logs)), math.ceil(max(logs))
    return low, max(high, low + 1)


class Scale:
    """From a value to a place on the page."""

    def __init__(self, span: tuple[int, int], start: float, end: float) -> None:
        self.span, self.start, self.end = span, start, end

    def __call__(self, value: float) -> float:
        low, high = self.span
        return self.start + (math.log10(value) - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self.span[0], self.span[1] + 1)]


def drawn(outcomes: Iterable[Outcome]) -> str:
    """The whole picture."""
    lines = curves(outcomes)
    body = plot(lines) if lines else ['<text x="60" y="80">nothing was measured</text>']
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img">\n'
        "<title>Nothing to do: seconds against number of chunks</title>\n"
    )
    frame = f'<rect class="frame" width="{WIDTH}" height="{HEIGHT}"/>'
    return head + STYLE + "\n".join([frame, *body]) + "\n</svg>\n"


def plot(lines: dict[str, Points]) -> list[str]:
    points = [point for line in lines.values() for point in line]
    across = Scale(decades(count for count, _ in points), LEFT, WIDTH - RIGHT)
    up = Scale(decades(time for _, time in points), HEIGHT - BOTTOM, TOP)
    body = [f'<text class="title" x="{LEFT}" y="28">Nothing to do</text>']
    body += grid(across, up)
    taken: list[float] = []
    for tool, line in sorted(lines.items(), key=lambda item: -item[1][-1][1]):
        body += curve(tool, line, across, up, taken)
    return body


def grid(across: Scale, up: Scale) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    body = []
    for value in across.ticks():
        x = across(value)
        body.append(f'<path class="grid" d="M{x:.1f} {TOP}V{bottom}"/>')
        body.append(f'<text x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{value:,.0f}</text>')
    for value in up.ticks():
        y = up(value)
        body.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>')
        body.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g} s</text>')
    middle = (LEFT + right) / 2
    body.append(
        f'<text class="minor" x="{middle:.0f}" y="{HEIGHT - 14}" text-anchor="middle">chunks</text>'
    )
    return body


def curve(tool: str, line: Points, across: Scale, up: Scale, taken: list[float]) -> list[str]:
    colour = COLOURS.get(tool, "#455a64")
    places = [(across(count), up(time)) for count, time in line]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    body = [f'<polyline points="{path}" stroke="{colour}"/>']
    for (x, y), (count, time) in zip(places, line, strict=True):
        words = f"{tool}: {count:,.0f} chunks, {time:.3g} s"
        body.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}">'
            f"<title>{escape(words)}</title></circle>"
        )
    x, y = places[-1]
    while any(abs(y - other) < 15 for other in taken):
        y += 4  # names of lines that end together stand below each other
    taken.append(y)
    body.append(
        f'<text x="{x + 10:.1f}" y="{y + 4:.1f}" style="fill:{colour}">{escape(tool)}</text>'
    )
    return body
