"""The functions of the main job, called as what they are: ordinary functions.

Nothing here knows fileflow.
"""

import csv
import json
import math
import random
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rules import flights, picture

FLIGHTS = """\
month,day,time_hour,origin,carrier,flight,dep_delay
1,1,2013-01-01T11:00:00Z,EWR,B6,343,1
1,1,2013-01-01T11:00:00Z,JFK,UA,1187,NA
1,2,2013-01-02T12:00:00Z,JFK,DL,20,-4
"""
JOINED = """\
day,origin,dep_delay,weather
1,EWR,10,fair
1,EWR,20,foul
1,JFK,5,fair
2,EWR,60,unknown
3,EWR,-2,fair
"""
WEATHER_HEADER = "origin,time_hour,precip,visib,wind_gust\n"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def bootstrapped(folder: Path, *, seed: int, draws: int = 8) -> str:
    joined = written(folder / "joined.csv", JOINED)
    flights.bootstrap(joined, folder / "boot.json", draws, random.Random(seed))
    return (folder / "boot.json").read_text(encoding="utf-8")


def test_clean_drops_cancelled_flights_and_keeps_early_ones(tmp_path: Path) -> None:
    flights.clean(written(tmp_path / "01.csv", FLIGHTS), tmp_path / "clean.csv", month=1)
    assert [row["dep_delay"] for row in rows_of(tmp_path / "clean.csv")] == ["1", "-4"]


def test_clean_refuses_the_flights_of_another_month(tmp_path: Path) -> None:
    source = written(tmp_path / "02.csv", FLIGHTS)
    with pytest.raises(ValueError, match="3 flights of another month than 2"):
        flights.clean(source, tmp_path / "clean.csv", month=2)


@pytest.mark.parametrize(
    ("report", "sky"),
    [
        ("0,10,NA", "fair"),
        ("0.01,10,NA", "foul"),
        ("0.009,3,29.9", "fair"),
        ("0,2.9,NA", "foul"),
        ("0,10,30", "foul"),
        ("NA,NA,NA", "fair"),
    ],
)
def test_rain_fog_or_gusts_make_an_hour_foul(tmp_path: Path, report: str, sky: str) -> None:
    source = written(tmp_path / "01.csv", FLIGHTS)
    weather = f"{WEATHER_HEADER}EWR,2013-01-01T11:00:00Z,{report}\n"
    flights.join_weather(
        flights=source,
        weather=written(tmp_path / "weather.csv", weather),
        output=tmp_path / "joined.csv",
        rain=0.01,
        sight=3,
        gust=30,
    )
    assert rows_of(tmp_path / "joined.csv")[0]["weather"] == sky


def test_a_flight_without_a_report_of_its_airport_has_unknown_weather(tmp_path: Path) -> None:
    weather = f"{WEATHER_HEADER}LGA,2013-01-01T11:00:00Z,0,10,NA\n"
    flights.join_weather(
        flights=written(tmp_path / "01.csv", FLIGHTS),
        weather=written(tmp_path / "weather.csv", weather),
        output=tmp_path / "joined.csv",
        rain=0.01,
        sight=3,
        gust=30,
    )
    assert {row["weather"] for row in rows_of(tmp_path / "joined.csv")} == {"unknown"}


def test_the_same_generator_gives_the_same_bytes(tmp_path: Path) -> None:
    assert bootstrapped(tmp_path, seed=1) == bootstrapped(tmp_path, seed=1)
    assert bootstrapped(tmp_path, seed=1) != bootstrapped(tmp_path, seed=2)


def test_the_bootstrap_does_not_touch_the_global_generator(tmp_path: Path) -> None:
    before = random.getstate()
    bootstrapped(tmp_path, seed=1)
    assert random.getstate() == before


def test_the_bootstrap_draws_whole_days(tmp_path: Path) -> None:
    means = json.loads(bootstrapped(tmp_path, seed=3, draws=400))
    one_day_three_times = {15.0, 60.0, -2.0}
    assert one_day_three_times <= set(means["EWR"])
    assert 10.0 not in means["EWR"], "a flight was drawn without the other of its day"


def test_an_airport_counts_only_in_draws_that_hold_a_day_of_its(tmp_path: Path) -> None:
    means = json.loads(bootstrapped(tmp_path, seed=3, draws=400))
    assert set(means["JFK"]) == {5.0}
    assert 0 < len(means["JFK"]) < len(means["EWR"]) == 400


def test_the_interval_spans_the_draws_of_all_replicates(tmp_path: Path) -> None:
    boots = [
        written(tmp_path / f"{n}.json", json.dumps({"EWR": [n, n + 0.5], "JFK": [5]}))
        for n in range(10)
    ]
    joined = written(tmp_path / "joined.csv", JOINED)
    flights.interval(joined, boots, tmp_path / "01.csv", month="01", level=1.0)
    newark, kennedy = rows_of(tmp_path / "01.csv")
    assert (newark["low"], newark["high"]) == ("0.00", "9.50")
    assert (kennedy["low"], kennedy["high"]) == ("5.00", "5.00")


def test_the_interval_tells_fair_from_foul_and_leaves_the_unknown_out(tmp_path: Path) -> None:
    boots = [written(tmp_path / "0.json", '{"EWR": [1], "JFK": [5]}')]
    joined = written(tmp_path / "joined.csv", JOINED)
    flights.interval(joined, boots, tmp_path / "01.csv", month="01", level=0.95)
    newark, kennedy = rows_of(tmp_path / "01.csv")
    assert newark["month"] == "01"
    assert (newark["flights"], newark["mean_delay"]) == ("4", "22.00")
    assert (newark["fair_delay"], newark["foul_delay"]) == ("4.00", "20.00")
    assert newark["foul_share"] == "0.333"
    assert (kennedy["fair_delay"], kennedy["foul_delay"]) == ("5.00", "")


def test_the_table_keeps_the_order_of_the_months_and_names_the_airports(tmp_path: Path) -> None:
    months = [
        written(tmp_path / f"{month}.csv", f"month,airport,mean_delay\n{month},EWR,{delay}\n")
        for month, delay in (("09", "7"), ("10", "9"))
    ]
    airports = written(tmp_path / "airports.csv", "airport,name\nEWR,Newark\n")
    flights.table(months, airports, tmp_path / "delays.csv")
    assert (tmp_path / "delays.csv").read_text(encoding="utf-8") == (
        "month,airport,name,mean_delay\n09,EWR,Newark,7\n10,EWR,Newark,9\n"
    )


@pytest.mark.parametrize(("share", "value"), [(0, 1), (0.25, 2), (0.3, 2.2), (1, 5)])
def test_a_quantile_lies_on_the_line_between_its_neighbours(share: float, value: float) -> None:
    assert flights.quantile([5, 3, 1, 2, 4], share) == pytest.approx(value)


def test_the_quantiles_of_a_single_value_are_that_value() -> None:
    assert {flights.quantile([7.5], share) for share in (0, 0.025, 0.5, 1)} == {7.5}


HEADER = "month,airport,name,flights,mean_delay,low,high,fair_delay,foul_delay,foul_share\n"


def a_year(folder: Path) -> Path:
    """Delays that grow from January to December; at Kennedy it never rains."""
    rows = [
        f"{month:02},{airport},{name},100,{month + 5},{month},{month + 11},{month + 4},{foul}\n"
        for month in range(1, 13)
        for airport, name, foul in (
            ("EWR", "Newark & more", f"{month + 20},0.1"),
            ("JFK", "Kennedy", ",0.000"),
        )
    ]
    return written(folder / "delays.csv", HEADER + "".join(rows))


def words_of(svg: Path) -> list[str]:
    root = ElementTree.fromstring(svg.read_text(encoding="utf-8"))
    return [str(node.text) for node in root.iter("{http://www.w3.org/2000/svg}text")]


def test_the_picture_says_what_the_table_found(tmp_path: Path) -> None:
    picture.draw(a_year(tmp_path), tmp_path / "delays.svg", level=0.9)
    words = words_of(tmp_path / "delays.svg")
    assert words[0] == "Flights left New York latest in November and December"
    assert words[1].startswith("They were 16 minutes")
    assert words[1].endswith("against 6 in January and February.")
    assert {"Newark & more", "Kennedy", "90% confidence", "fair hours only"} <= set(words)


def test_the_same_table_gives_the_same_picture(tmp_path: Path) -> None:
    table = a_year(tmp_path)
    picture.draw(table, tmp_path / "one.svg", level=0.95)
    picture.draw(table, tmp_path / "two.svg", level=0.95)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_all_that_is_drawn_lies_on_the_sheet(tmp_path: Path) -> None:
    rows = "01,EWR,Newark,9,-12,-25,80,-13,,0\n02,EWR,Newark,9,70,-1,95,60,75,0.2\n"
    picture.draw(written(tmp_path / "wild.csv", HEADER + rows), tmp_path / "wild.svg", level=0.95)
    root = ElementTree.fromstring((tmp_path / "wild.svg").read_text(encoding="utf-8"))
    for node in root.iter():
        for name, most in (("x", 900), ("cx", 900), ("y", 520), ("cy", 520)):
            assert 0 <= float(node.get(name, 0)) <= most, ElementTree.tostring(node)


def test_what_is_not_known_has_no_weight() -> None:
    assert picture.weighted([(10, 1), (math.nan, 5), (20, 3)]) == 17.5
    assert math.isnan(picture.weighted([]))
