"""The first link of a chain that fails, and the first bound that is not tight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from numerics.judging.chain import Chain
from numerics.tolerances import LINK, TIGHT
from proofs_check.harness.diagnosis.finding import Finding
from proofs_check.harness.diagnosis.trained import Trained
from theory.claim import Claim


def first_broken_link(claim: Claim, known: Sequence[Trained]) -> Iterator[Finding]:
    """Yield the first link of the chain that fails, at an instance of the smallest batch that shows this."""
    for trained in known:
        chain = Chain(claim, trained.instances)
        broken = []
        for point in trained.judgement.examination.points:
            run = chain.judged(point)
            margins = run.margins().nan_to_num(-1.0)
            for link, member in (margins < -LINK).nonzero().tolist():
                above, below = (float(run.values[row, member]) for row in (link + 1, link))
                broken.append((link, float(margins[link, member]), member, above, below))
        if broken:
            link, _, member, above, below = min(broken)
            upper, lower = run.names[link + 1], run.names[link]
            headline = f"first failing link of the chain: {upper!r} is {above:.9g}, above {lower!r}, {below:.9g}"
            yield Finding(f"link to {upper!r}", headline, trained.instances[member])
            return


def first_loose_bound(claim: Claim, known: Sequence[Trained], value_differs: bool) -> Iterator[Finding]:
    """Yield the first bound that the trained optimum does not reach, but not the last bound where the value differs."""
    for trained in known:
        run = Chain(claim, trained.instances).run(trained.judgement.examination.points[-1])
        apart = (run.values[0] - run.values[1:]) / run.values[0].abs()
        near = torch.tensor([c.near_threshold for c in trained.comparisons])
        bad = ~(apart.abs() <= TIGHT) & ~near
        rows = bad.any(1).nonzero()[:, 0].tolist()
        if rows and not (value_differs and rows[0] == len(bad) - 1):
            link = rows[0]
            member = int(bad[link].nonzero()[0])
            side = "above" if float(apart[link, member]) < 0 else "below"
            headline = (
                f"first bound that is not tight: {run.names[link + 1]!r} lies {side} the loss at the trained optimum"
            )
            details = (f"loss {float(run.values[0, member]):.9g}, bound {float(run.values[link + 1, member]):.9g}",)
            yield Finding(f"tightness of {run.names[link + 1]!r}", headline, trained.instances[member], details)
            return
