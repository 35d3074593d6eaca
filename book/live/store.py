"""``python -m book.live.store``: train the claims of the stored certificates, and write the certificates that the live page checks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from book.examples import make_example
from book.live.certificate import checked, residual
from numerics.backends.points import points_of
from numerics.training.certified import train
from theory.claim import Claim, find
from theory.cli.arguments import shown_parameters
from theory.problem import CROSS_ENTROPY
from theory.symbols import n_k

STORED = ("mse-imbalanced", "ce-imbalanced")
"""The claims with a stored certificate: one with a closed form, and one without."""
FOLDER = Path(__file__).resolve().parents[1] / "results" / "certificates"
STARTS = 8


def trained(claim: Claim) -> dict[str, Any]:
    """Train the example of a claim, and return the best point with the residuals at its class means."""
    instance = make_example(claim).instance
    solution = train(claim, [instance], STARTS, seed=0, device="cpu").solution
    (point,) = points_of(solution.best_point())
    form = claim.problem.nuclear_form
    assert form is not None
    means = [part.mean(1).tolist() for part in (point.W @ point.H).split(list(instance.bindings[n_k]), dim=1)]
    return {
        "claim": claim.id,
        "made": {"by": "python -m book.live.store", "starts": STARTS, "seed": 0, "torch": torch.__version__},
        "parameters": shown_parameters(claim, instance),
        "point": {name: array.tolist() for name, array in point.items()},
        "residuals": [residual(logits, k, form.loss == CROSS_ENTROPY) for k, logits in enumerate(means)],
    }


def main() -> int:
    """Write the certificates. Return 1 where one cannot be verified."""
    FOLDER.mkdir(exist_ok=True)
    for claim in map(find, STORED):
        stored = trained(claim)
        upper, bound = checked(claim, stored)
        if bound is None:
            print(f"{claim.id}: the residuals could not be verified", file=sys.stderr)
            return 1
        (FOLDER / f"{claim.id}.json").write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
        print(
            f"{claim.id}: {bound.value.str(20)} ≤ minimum ≤ {upper.str(20)}; gap {(upper - bound.value).str(3)}, {bound.margin}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
