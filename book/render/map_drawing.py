"""The drawing of the map: three columns of nodes, each a link, and curves between them, as SVG."""

from __future__ import annotations

import html
import textwrap

from book.render.map_graph import Graph, Level, Node

WIDTH, ROW, NODE, TOP = 1000, 46, 38, 34
"""Width of the drawing, distance of two rows, height of a node, and room for the headings, in units of the drawing."""
COLUMNS = ((0, 215), (340, 250), (720, 280))
"""Left end and width of each column."""
HEADINGS = ("What is minimised", "Claims", "Lemmas and shared steps")
SIGN_ROOM, LETTER, LINE = 26, 6.9, 14
"""Room for the sign of a node, mean width of a letter, and distance of two lines of text."""


def drawing(graph: Graph) -> str:
    """Return the map as an SVG element."""
    rows = max(len(graph.column(number)) for number in range(len(COLUMNS)))
    height = TOP + rows * ROW
    places = {node.key: place for number in range(len(COLUMNS)) for node, place in spread(graph.column(number), rows)}
    parts = [
        f'<svg class="atlas-map" viewBox="0 0 {WIDTH} {height:.0f}" role="group" aria-label="Map: objectives, claims, lemmas and shared steps">'
    ]
    for (left, width), heading in zip(COLUMNS, HEADINGS, strict=True):
        parts.append(f'<text class="heading" x="{left + width / 2:.0f}" y="16">{html.escape(heading)}</text>')
    columns = {node.key: node.column for node in graph.nodes}
    numbers = {node.key: number for number, node in enumerate(graph.nodes)}
    for source, claim in graph.edges:
        ends = (columns[source], places[source]), (columns[claim], places[claim])
        parts.append(f'<path data-ends="{numbers[source]} {numbers[claim]}" d="{curve(*sorted(ends))}"/>')
    parts += [drawn(node, numbers[node.key], places[node.key]) for node in graph.nodes]
    return "\n".join([*parts, "</svg>"])


def spread(nodes: list[Node], rows: int) -> list[tuple[Node, float]]:
    """Return the nodes of a column with the heights of their middles, spread evenly over all rows."""
    distance = rows * ROW / max(len(nodes), 1)
    return [(node, TOP + distance * (number + 0.5)) for number, node in enumerate(nodes)]


def curve(start: tuple[int, float], end: tuple[int, float]) -> str:
    """Return a path from the right side of a node to the left side of a node of the next column; ends are (column, height)."""
    (column, y), (_, y_end) = start, end
    x, x_end = sum(COLUMNS[column]), COLUMNS[column + 1][0]
    middle = (x + x_end) / 2
    return f"M{x} {y:.0f}C{middle:.0f} {y:.0f} {middle:.0f} {y_end:.0f} {x_end} {y_end:.0f}"


def drawn(node: Node, number: int, middle: float) -> str:
    """Return a node as a link with its sign, and its label in at most two lines."""
    left, width = COLUMNS[node.column]
    lines = textwrap.wrap(node.label, int((width - SIGN_ROOM - 6) / LETTER))
    if len(lines) > 2:
        lines = [lines[0], lines[1].rstrip(",") + " …"]
    first = middle + 4.5 - LINE / 2 * (len(lines) - 1)
    written = "".join(
        f'<tspan x="{left + SIGN_ROOM}" y="{first + LINE * line:.1f}">{html.escape(text)}</tspan>'
        for line, text in enumerate(lines)
    )
    title = f"{node.says}: {node.level.word}"
    return (
        f'<a href="{html.escape(node.link)}" class="{node.level.word}" data-node="{number}"><title>{html.escape(title)}</title>'
        f'<rect x="{left}" y="{middle - NODE / 2:.1f}" width="{width}" height="{NODE}" rx="6"/>'
        f'<text class="sign" x="{left + SIGN_ROOM / 2}" y="{middle + 5:.1f}">{node.level.sign}</text><text>{written}</text></a>'
    )


def legend(graph: Graph) -> str:
    """Return the levels that occur on the map, as an HTML list with their signs."""
    occurring = {node.level for node in graph.nodes}
    items = (
        f'<li class="{level.word}"><span class="sign" aria-hidden="true">{level.sign}</span> <b>{level.word}</b>: {level.says}</li>'
        for level in Level
        if level in occurring
    )
    return f'<ul class="atlas-levels">{"".join(items)}</ul>'
