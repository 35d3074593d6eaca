"""All tolerances of the checks, each with its reason."""

VALUE_GAP = 1e-9
"""Relative distance allowed between trained and predicted value, away from thresholds. Newton steps reach rounding
(1e-15); a wrong formula is off by far more, and a start that ended in another basin by 1e-6 or more."""

INVARIANT = 1e-5
"""Relative distance allowed between trained and predicted invariants, in the Frobenius norm, away from thresholds. A
value accurate to 1e-14 leaves the point accurate to about the square root of that over the relative curvature."""

CERTIFICATE_GAP = 1e-9
"""Relative distance allowed between trained value and certified lower bound. Dual bounds are first order in the
remaining gradient, which Newton steps take to rounding; a point that is 1e-3 off its optimum is not certified."""

SEPARABLE_GAP = 1e-12
"""Relative distance allowed between predicted value and separable bound, over any range of parameters. Branch and bound
ends at a tenth of this distance, and balls have the digits for it. No training is involved."""

BELOW = 1e-12
"""Relative distance by which a trained value may lie below the predicted value: the rounding of sums of some thousand terms."""

LINK = 1e-11
"""Relative distance, in units of the larger of the two bounds, by which a bound of a chain may exceed its predecessor: rounding,
with room for the singular value decompositions in which some bounds are written."""

DOUBTFUL = 1e-6
"""Relative excess of a bound over its predecessor up to which the two are enclosed in balls before the link counts as broken. Where
all directions keep the prior, the terms of a divergence cancel, and a loss may be a millionth of them."""

TIGHT = 1e-7
"""Relative distance allowed between the bounds of a chain at the trained optimum. This distance is first order in the remaining gradient."""

THRESHOLD_BAND = 1e-3
"""Instances with |log ratio| below this count as near their threshold. The curvature along the emerging direction is
proportional to that distance, so a value accurate to rounding no longer fixes the invariants to INVARIANT there. The
certificate, which needs no curvature, decides."""

JUMP_BAND = 1e-10
"""Instances with |log ratio| below this count as lying on a jump, where two different points are global minima. The
values of the two points differ by about this share, which training still resolves. The curvature does not vanish there.
"""

NEAR_CERTIFICATE_GAP = 1e-8
"""Relative distance allowed between trained value and certified lower bound near a threshold, where the remaining gradient is larger."""

NEAR_SIZE = 1e-2
"""Largest predicted size, in its unit, of a class or direction within THRESHOLD_BAND of its threshold. The size grows
from zero in proportion to the distance. This limit keeps a wrong threshold from excusing instances that are near no
threshold at all."""

NEGLIGIBLE_SIZE = 1e-9
"""Predicted invariants below this share of their unit count as zero, because sums that cancel leave rounding, not an exact zero."""

ON_THRESHOLD = 1e-12
"""Ratios this close to 1 are on the threshold as far as float64 can tell; rounding may put them on either side."""

SAME_MINIMUM = 1e-13
"""Relative distance at which the values of two starts count as the same minimum. All such starts must agree with the prediction."""

REACHED = 1e-10
"""Relative distance at which a start counts as having reached the lowest value: a tenth of VALUE_GAP. Starts of the
same minimum end within some roundings of one another, and another basin lies higher by 1e-6 or more."""

ROUNDED = 1e-14
"""Rounding of a bound of a chain, relative to the largest value of the chain, where the bound is a difference of large terms."""

CONTRADICTION = 1e-2
"""A formula that is off by more than this, relative, at a trained and certified optimum is refuted there. The limit is
a thousand times the distance that INVARIANT allows to training."""

NO_DIVERGENCE = 1e-6
"""Largest number that counts as zero for twice the divergence of a latent direction from its prior, in nats. The
divergence is of second order in the distance of a trained point from the prior, which INVARIANT bounds. A direction
outside THRESHOLD_BAND has at least a thousand times as much, and so has a given variance one per cent off the prior's."""

IN_PRACTICE = 1e-2
"""Relative distance from the prediction at which a trained network AGREES with the theory, for invariants, in the
Frobenius norm, and for the value. First-order methods stop at a gradient, not at rounding: a network that follows the
theory ends within one per cent. A decay or a scale that is wrong by 5 % moves a Gram matrix by more than that. No check
of a claim uses this distance."""

NC1_IN_PRACTICE = 1e-3
"""Within-class variability of the last features of a trained network, relative to that between classes, up to which they have
collapsed to their class means. A network whose features are still apart has 0.1 and more."""

CONVOLUTIONAL_IN_PRACTICE = 2e-2
"""IN_PRACTICE for convolutional and residual networks, whose shared weights make the way to the minimum longer."""

VANISHED_IN_PRACTICE = 1e-2
"""Squared norm of a class mean, relative to the largest one and to the natural unit, below which the class has vanished
in a trained network. Near its threshold a class that lives may be as small; a figure stands beside every such verdict."""

BELOW_BOUND = 1e-9
"""Relative distance by which the loss of a network may lie below a certified lower bound: the rounding of a sum over all samples."""
