"""The figures, as SVG."""

from rules import svg


def _table(path):
    """The rows of a table of two columns of numbers."""
    header, *lines = path.read_text().splitlines()
    if header != "time,value":
        raise ValueError(f"{path}: not a table of time and value")
    return [tuple(map(float, line.split(","))) for line in lines]


def _bounds(values):
    return min(values), max(values)


def trend(input, output, width, colour):
    """A line through all points."""
    rows = _table(input)
    first, last = _bounds([time for time, _ in rows])
    low, high = _bounds([value for _, value in rows])
    points = [
        ((time - first) / (last - first) * width, 100 - (value - low) / (high - low) * 100)
        for time, value in rows
    ]
    output.write_text(svg.page(width, svg.line(points, colour)))


def _counts(values, bins):
    low, high = _bounds(values)
    counts = [0] * bins
    for value in values:
        counts[min(int((value - low) / (high - low) * bins), bins - 1)] += 1
    return counts


def histogram(input, output, width, bins):
    """Bars: how many values are in each part of the range."""
    counts = _counts([value for _, value in _table(input)], bins)
    bars = [svg.bar(at * width / bins, width / bins, count) for at, count in enumerate(counts)]
    output.write_text(svg.page(width, "".join(bars)))
