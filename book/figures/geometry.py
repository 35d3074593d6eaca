"""The figure of the geometry: the vectors behind the Gram matrices of an example, predicted and trained."""

from __future__ import annotations

import torch
from IPython.display import HTML
from torch import Tensor

from book.examples import TrainedExample, noun
from book.figures.plotting import COLOURS, show
from book.figures.scene import Arrow, Scene


def symmetric_root(gram: Tensor) -> Tensor:
    """Return the positive semidefinite square root of a Gram matrix [n, n]. Its rows are vectors with these inner products."""
    values, vectors = torch.linalg.eigh(gram)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.mT


def is_gram(matrix: Tensor) -> bool:
    """Return whether a matrix holds the inner products of some vectors."""
    if not torch.allclose(matrix, matrix.mT):
        return False
    values = torch.linalg.eigvalsh(matrix)
    return bool(values[0] >= -1e-12 * values[-1].abs())


def spread_views(gram: Tensor) -> Tensor:
    """Return three axes [n, 3] that show the vectors behind a Gram matrix [n, n]: its leading eigenvectors."""
    vectors = torch.linalg.eigh(gram).eigenvectors.flip(-1)[:, :3]
    return torch.nn.functional.pad(vectors, (0, 3 - vectors.shape[1]))


def geometry(run: TrainedExample) -> HTML:
    """Draw the vectors behind the first two Gram matrices among the invariants: predicted vectors as lines, trained ones as rings.

    A Gram matrix fixes its vectors up to a rotation, so the rows of its symmetric square root are drawn. Invariants with one matrix
    for each layer are not drawn.
    """
    example, measured = run.example, run.measured()
    invariants = sorted(
        (i for i in example.claim.problem.invariants if i.kind == "matrix" and measured[i.name].ndim == 2),
        key=lambda i: not i.shows_collapse,
    )
    predicted = {i.name: example.predicted(i) for i in invariants}
    drawn = {name: measured[name] if matrix is None else matrix for name, matrix in predicted.items()}
    shown = [i for i in invariants if is_gram(drawn[i.name])][:2]
    scenes, shared = [], spread_views(drawn[shown[0].name])
    for invariant in shown:
        root = symmetric_root(drawn[invariant.name])
        whole = torch.allclose((root @ shared).norm(), root.norm())
        axes = shared if whole else spread_views(drawn[invariant.name])
        rings = symmetric_root(measured[invariant.name]) @ axes
        scenes.append(scene(root @ axes, rings, invariant.name.replace("_", " "), noun(example.claim)))
    silent = all(predicted[i.name] is None for i in shown)
    ends = "The claim predicts no vectors" if silent else "Lines end at the predicted vectors"
    words = (
        f"Drag to turn, or use the slider. {ends}, rings are the trained vectors, and each number is that of a {noun(example.claim)}. A "
        "vector of length zero carries nothing. A Gram matrix fixes its vectors up to a rotation, so the rows of its "
        "symmetric square root are drawn. The axes are leading eigenvectors of the first matrix if these show all of a "
        "matrix, and otherwise eigenvectors of the matrix itself."
    )
    return show("geometry", scenes, words)


def scene(tips: Tensor, rings: Tensor, name: str, thing: str) -> Scene:
    """Return the vectors of a matrix in space: lines to ``tips`` and rings at ``rings``, both [n, 3].

    ``thing`` names what a vector stands for.
    """
    arrows = [
        Arrow(tuple(tip), tuple(ring), str(number + 1), COLOURS[number % len(COLOURS)])
        for number, (tip, ring) in enumerate(zip(tips.tolist(), rings.tolist(), strict=True))
    ]
    lengths = ", ".join(f"{length:.2g}" for length in rings.norm(dim=1).tolist())
    return Scene(arrows, f"The {name} as vectors, one for each {thing}; their trained lengths are {lengths}.", name)
