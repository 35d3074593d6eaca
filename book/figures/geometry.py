"""The geometry of an example: the vectors behind its Gram matrices, predicted and trained."""

from __future__ import annotations

import plotly.graph_objects as go
import torch
from IPython.display import HTML
from plotly.subplots import make_subplots
from torch import Tensor

from book.examples import TrainedExample, noun
from book.figures.plotting import COLOURS, show

SCENE = {"backgroundcolor": "white", "gridcolor": "#dfe3e8"}
BARE = {"showarrow": False, "yshift": 16}


def symmetric_root(gram: Tensor) -> Tensor:
    """Return the positive semidefinite square root: its rows are vectors with these inner products."""
    values, vectors = torch.linalg.eigh(gram)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.mT


def is_gram(matrix: Tensor) -> bool:
    """Return whether a matrix holds the inner products of some vectors."""
    if not torch.allclose(matrix, matrix.mT):
        return False
    values = torch.linalg.eigvalsh(matrix)
    return bool(values[0] >= -1e-12 * values[-1].abs())


def spread_views(gram: Tensor) -> Tensor:
    """Return three axes that show the vectors behind a Gram matrix: its leading eigenvectors [n, 3]."""
    vectors = torch.linalg.eigh(gram).eigenvectors.flip(-1)[:, :3]
    return torch.nn.functional.pad(vectors, (0, 3 - vectors.shape[1]))


def geometry(run: TrainedExample) -> HTML:
    """Draw the vectors behind the Gram matrices among the invariants: lines end at predicted vectors, rings are trained ones.

    A Gram matrix fixes its vectors up to a rotation, so the rows of its symmetric square root are drawn. Invariants of layers are
    not drawn.
    """
    example, measured = run.example, run.measured()
    invariants = sorted(
        (i for i in example.claim.problem.invariants if i.kind == "matrix" and measured[i.name].ndim == 2),
        key=lambda i: not i.shows_collapse,
    )
    predicted = {i.name: example.predicted(i) for i in invariants}
    drawn = {name: measured[name] if matrix is None else matrix for name, matrix in predicted.items()}
    shown = [i for i in invariants if is_gram(drawn[i.name])][:2]
    figure = make_subplots(
        rows=1, cols=len(shown), specs=[[{"type": "scene"}] * len(shown)], horizontal_spacing=0.02,
        subplot_titles=[i.name.replace("_", " ") for i in shown],
    )  # fmt: skip
    shared = spread_views(drawn[shown[0].name])
    for column, invariant in enumerate(shown, start=1):
        root = symmetric_root(drawn[invariant.name])
        whole = torch.allclose((root @ shared).norm(), root.norm())
        axes = shared if whole else spread_views(drawn[invariant.name])
        rings = symmetric_root(measured[invariant.name]) @ axes
        line_is = "trained" if predicted[invariant.name] is None else "predicted"
        draw_vectors(figure, column, root @ axes, rings, noun(example.claim), line_is)
    figure.update_layout(showlegend=False)
    figure.update_scenes(aspectmode="cube", camera={"eye": {"x": 1.0, "y": 1.0, "z": 0.65}})
    silent = all(predicted[i.name] is None for i in shown)
    ends = "The claim predicts no vectors" if silent else "Lines end at the predicted vectors"
    words = (
        f"Drag to turn. {ends}, rings are the trained ones, and each number is that of a {noun(example.claim)}; a "
        "vector of length zero carries nothing. A Gram matrix fixes its vectors up to a rotation: for both, the rows of "
        "its symmetric square root are drawn, along leading eigenvectors of the first matrix where these show the "
        "whole of it, and of its own otherwise."
    )
    return show(figure, words, 440)


def draw_vectors(figure: go.Figure, column: int, tips: Tensor, rings: Tensor, thing: str, line_is: str) -> None:
    """Draw lines to ``tips`` and rings around ``rings``, [n, 3], numbered from 1, into a scene; ``thing`` names a vector."""
    reach = 1.15 * float(torch.cat([tips, rings]).abs().max())
    box = {"title": "", "showticklabels": False, "zeroline": False, "range": [-reach, reach]} | SCENE
    figure.update_scenes(xaxis=box, yaxis=box, zaxis=box, row=1, col=column)
    numbers: list[dict] = []
    for number, (tip, ring) in enumerate(zip(tips.tolist(), rings.tolist(), strict=True)):
        colour, label = COLOURS[number % len(COLOURS)], f"{thing} {number + 1}"
        arrow = go.Scatter3d(
            x=[0, tip[0]], y=[0, tip[1]], z=[0, tip[2]], mode="lines", line={"width": 8, "color": colour},
            name=f"{label}, {line_is}",
        )  # fmt: skip
        trained = go.Scatter3d(
            x=[ring[0]], y=[ring[1]], z=[ring[2]], mode="markers", name=f"{label}, trained",
            marker={"size": 9, "symbol": "circle-open", "color": colour, "line": {"width": 3}},
        )  # fmt: skip
        figure.add_traces([arrow, trained], rows=1, cols=column)
        x, y, z = (1.15 * part for part in ring)
        numbers.append({"x": x, "y": y, "z": z, "text": str(number + 1), "font": {"size": 17, "color": colour}} | BARE)
    figure.update_scenes(annotations=numbers, row=1, col=column)
