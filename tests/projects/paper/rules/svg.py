"""The little of SVG that the figures need."""


def page(width, content):
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="100">{content}</svg>\n'


def line(points, colour):
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{text}" fill="none" stroke="{colour}"/>'


def bar(left, width, count):
    return f'<rect x="{left:g}" y="{100 - 10 * count}" width="{width:g}" height="{10 * count}"/>'
