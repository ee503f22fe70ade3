"""What the jobs of the Workflowfile do, from one month of flights to the table of delays.

Ordinary functions, to be called in a test or a notebook as well: they know nothing of fileflow,
which hands them paths, wildcards, params and a random generator by the names of their parameters.
"""

import csv
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

Row = dict[str, str]


def clean(input: Path, output: Path, month: int) -> None:
    """Keeps the flights that left; a cancelled one has no delay."""
    rows = list(_read(input))
    strays = [row for row in rows if int(row["month"]) != month]
    if strays:
        raise ValueError(f"{input} holds {len(strays)} flights of another month than {month}")
    columns = ("day", "time_hour", "origin", "carrier", "dep_delay")
    _write(output, columns, (row for row in rows if row["dep_delay"] != "NA"))


def join_weather(
    flights: Path, weather: Path, output: Path, rain: float, sight: float, gust: float
) -> None:
    """Calls the hour in which each flight was to leave `fair`, `foul`, or `unknown`.

    Foul are inches of rain from `rain`, miles of visibility below `sight`, and gusts in miles
    an hour from `gust`.
    """
    sky = {}
    for hour in _read(weather):
        foul = (
            _number(hour["precip"], 0) >= rain
            or _number(hour["visib"], sight) < sight
            or _number(hour["wind_gust"], 0) >= gust
        )
        sky[hour["origin"], hour["time_hour"]] = "foul" if foul else "fair"
    rows = list(_read(flights))
    for row in rows:
        row["weather"] = sky.get((row["origin"], row["time_hour"]), "unknown")
    _write(output, ("day", "origin", "dep_delay", "weather"), rows)


def bootstrap(input: Path, output: Path, draws: int, rng: random.Random) -> None:
    """Draws the month's days with replacement, again and again: each time, the mean delays.

    Whole days, not single flights: one storm delays them all, so a flight tells little that the
    others of its day have not told.
    """
    days: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for row in _read(input):
        flights, minutes = days[row["day"]].get(row["origin"], (0, 0))
        days[row["day"]][row["origin"]] = (flights + 1, minutes + int(row["dep_delay"]))
    calendar = list(days.values())
    airports = sorted({airport for day in calendar for airport in day})

    means: dict[str, list[float]] = {airport: [] for airport in airports}
    for _ in range(draws):
        drawn = rng.choices(calendar, k=len(calendar))
        for airport in airports:
            counts = [day[airport] for day in drawn if airport in day]
            if counts:
                total = sum(minutes for _, minutes in counts)
                means[airport].append(round(total / sum(flights for flights, _ in counts), 3))
    output.write_text(json.dumps(means) + "\n", encoding="utf-8")


def interval(flights: Path, boots: list[Path], output: Path, month: str, level: float) -> None:
    """One month's row per airport: mean delay, its interval from all replicates, the weather."""
    means: dict[str, list[float]] = defaultdict(list)
    for boot in boots:
        for airport, some in json.loads(boot.read_text(encoding="utf-8")).items():
            means[airport] += some
    delays: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in _read(flights):
        delays[row["origin"]][row["weather"]].append(int(row["dep_delay"]))

    rows = []
    for airport, skies in sorted(delays.items()):
        every = [delay for sky in skies.values() for delay in sky]
        known = len(skies["fair"]) + len(skies["foul"])
        rows.append(
            {
                "month": month,
                "airport": airport,
                "flights": str(len(every)),
                "mean_delay": _mean(every),
                "low": f"{quantile(means[airport], (1 - level) / 2):.2f}",
                "high": f"{quantile(means[airport], (1 + level) / 2):.2f}",
                "fair_delay": _mean(skies["fair"]),
                "foul_delay": _mean(skies["foul"]),
                "foul_share": f"{len(skies['foul']) / known:.3f}" if known else "",
            }
        )
    _write(output, tuple(rows[0]), rows)


def table(intervals: list[Path], airports: Path, output: Path) -> None:
    """All months under one another, each airport with its name."""
    names = {row["airport"]: row["name"] for row in _read(airports)}
    rows = [row | {"name": names[row["airport"]]} for path in intervals for row in _read(path)]
    month, airport, *figures = (column for column in rows[0] if column != "name")
    _write(output, (month, airport, "name", *figures), rows)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies, between two of them by a straight line.

    >>> quantile([1.0, 2.0, 3.0, 4.0, 5.0], 0.375)
    2.5
    """
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = min(int(place), len(ordered) - 1)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _read(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        sheet = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        sheet.writeheader()
        sheet.writerows(rows)


def _number(cell: str, missing: float) -> float:
    return missing if cell == "NA" else float(cell)


def _mean(delays: Sequence[int]) -> str:
    return f"{sum(delays) / len(delays):.2f}" if delays else ""
