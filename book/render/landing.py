"""The moving figure of the first page, as HTML with the numbers of all its frames: a classifier and a VAE that collapse."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

BOOK = Path(__file__).resolve().parents[1]
RESULTS = BOOK / "results" / "landing.json"
WIDTH, HEIGHT = 360, 300
"""Size of a panel in the units of its drawing."""
REACH = 0.52
"""Length of a feature that reaches the edge of the panel."""
MARKERS = ("M0-4A4 4 0 1 1 0 4A4 4 0 1 1 0-4Z", "M-3.5-3.5H3.5V3.5H-3.5Z", "M0-4.6L4.4 3.4H-4.4Z")
"""The sign of each class: a disc, a square, a triangle."""
TOGETHER = 1e-3
"""Distance of two class means, relative to the longest mean, below which they are said to coincide."""
BARS, TOP = 108, 100
"""Height of the bars of the VAE, and distance of their upper ends from the edge."""
PIXEL = 6
"""Side of a pixel of a digit."""
DEAD = 1e-9
"""Size below which a direction counts as collapsed; at zero the trained size is below 1e-25."""
Json = dict[str, Any]


def landing_figure() -> str:
    """Return the figure as raw HTML; without scripts it shows the balanced simplex, and a VAE in which a part has collapsed."""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    classifier, autoencoder = found["classifier"], found["autoencoder"]
    classes, directions = class_frames(classifier), direction_frames(autoencoder)
    labels = classifier["learning"][0]["labels"]
    environment = Environment(
        loader=FileSystemLoader(BOOK / "pages"), undefined=StrictUndefined, autoescape=True, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("landing_figure.html").render(
        width=WIDTH, height=HEIGHT, bars=BARS, top=TOP, pixel=PIXEL, markers=MARKERS,
        classes=classes, first_classes=len(classifier["learning"]), directions=directions,
        first_directions=first_partly_dead(directions), originals=autoencoder["images"],
        labels=labels,
        claims={"classes": classifier["claim"], "directions": autoencoder["claim"]},
        certified=f"{largest_gap(classifier):.0e}", provenance=provenance(found["environment"]),
        # A script element ends at the first closing tag, whatever stands around it.
        data=json.dumps({"classes": classes, "directions": directions, "labels": labels}, separators=(",", ":")).replace("</", "<\\/"),
    )  # fmt: skip


def provenance(environment: Json) -> str:
    """Return when and with what the figure was trained."""
    return f"{environment['date'][:10]}, torch {environment['versions']['torch']}, {environment['device']}"


def largest_gap(classifier: Json) -> float:
    """Return the largest relative distance of the network's loss from the certified lower bound, over all class counts."""
    return max((frame["value"] - frame["lower"]) / frame["lower"] for frame in classifier["shrinking"])


def placed(points: list[list[float]]) -> list[float]:
    """Return points of the plane as coordinates x, y, x, y, … of the drawing."""
    scale = min(WIDTH, HEIGHT) / 2 / REACH
    return [round(each, 1) for x, y in points for each in (WIDTH / 2 + scale * x, HEIGHT / 2 - scale * y)]


def class_frames(classifier: Json) -> list[Json]:
    """Return the frames of the classifier: its training on equal classes, then its minimum for ever fewer samples of two classes.

    At a minimum the features of a class lie on their mean, up to less than the width of a line, so ``dots`` is None there.
    """
    equal = classifier["shrinking"][0]["counts"][0]
    frames = [
        {
            "says": f"{equal} samples of each class, after {frame['steps']} steps of training. {shape(frame['means'])}",
            "means": placed(frame["means"]),
            "dots": placed(frame["features"]),
            "optimum": None,
        }
        for frame in classifier["learning"]
    ]
    for frame in classifier["shrinking"]:
        counts = ", ".join(map(str, frame["counts"]))
        frames.append(
            {
                "says": f"Trained to the end on {counts} samples. {shape(frame['means'])}",
                "means": placed(frame["means"]),
                "dots": None,
                "optimum": placed(frame["optimum"]),
            }
        )
    return frames


def shape(means: list[list[float]]) -> str:
    """Return the angles between the class means in words."""
    longest = max(math.hypot(*mean) for mean in means)
    pairs = [(i, j) for i in range(len(means)) for j in range(i)]
    if any(math.dist(means[i], means[j]) < TOGETHER * longest for i, j in pairs):
        return "Classes 2 and 3 have the same mean: the network no longer tells them apart."
    angles = ", ".join(f"{angle(means[i], means[j]):.0f}°" for i, j in pairs)
    return f"Angles between the class means: {angles}."


def angle(a: list[float], b: list[float]) -> float:
    """Return the angle between two vectors of the plane in degrees."""
    turned = math.atan2(a[1], a[0]) - math.atan2(b[1], b[0])
    return abs(math.degrees(math.remainder(turned, 2 * math.pi)))


def direction_frames(autoencoder: Json) -> list[Json]:
    """Return the frames of the VAE, one for each β: sizes of its directions, trained and predicted, and reconstructed digits."""
    frames = []
    parts = ("beta", "trained", "predicted", "decoded")
    for beta, trained, predicted, decoded in zip(*(autoencoder[part] for part in parts), strict=True):
        alive = sum(size > DEAD for size in trained)
        foretold = sum(size > DEAD for size in predicted)
        says = f"β = {beta:g}: {alive} of {len(trained)} directions carry information, as predicted."
        if alive != foretold:
            says = f"β = {beta:g}: {alive} of {len(trained)} directions carry information; {foretold} were predicted."
        sizes = [[round(BARS * size, 1) if size > DEAD else 0 for size in row] for row in (trained, predicted)]
        pixels = [round(max(pixel, 0) / 16, 2) for digit in decoded for pixel in digit]
        frames.append({"says": says, "trained": sizes[0], "predicted": sizes[1], "pixels": pixels})
    return frames


def first_partly_dead(frames: list[Json]) -> int:
    """Return the position of the first frame in which at least a third of the directions has collapsed."""
    return next(i for i, frame in enumerate(frames) if frame["trained"].count(0) >= len(frame["trained"]) / 3)
