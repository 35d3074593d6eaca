"""Every tolerance of the checks, once, with its reason."""

VALUE_GAP = 1e-9
"""Trained against predicted value, relative, away from thresholds. Newton steps reach rounding (1e-15); a wrong formula is
off by far more, and a start that ended in another basin by 1e-6 or more."""

INVARIANT = 1e-5
"""Trained against predicted invariants, relative in the Frobenius norm, away from thresholds. A value accurate to 1e-14
leaves the point accurate to about the square root of that over the relative curvature."""

CERTIFICATE_GAP = 1e-9
"""Trained value against certified lower bound, relative. Dual bounds are first order in the remaining gradient, which Newton
steps take to rounding; a point that is 1e-3 off its optimum is not certified."""

SEPARABLE_GAP = 1e-12
"""Predicted value against the separable bound, relative, over any range of parameters: branch and bound ends at a tenth of it,
and balls have the digits for it. No training comes into it."""

BELOW = 1e-12
"""How far below the predicted value, relative, a trained value may lie: rounding of sums of some thousand terms."""

LINK = 1e-11
"""By how much, relative to the largest of them, one bound of a chain may exceed its predecessor: rounding, with room for the
singular value decompositions some bounds are written in."""

TIGHT = 1e-7
"""How far the bounds of a chain may lie apart at the trained optimum, relative: first order in the remaining gradient."""

THRESHOLD_BAND = 1e-3
"""Instances with |log ratio| below this count as near their threshold. The curvature along the emerging direction is
proportional to that distance, so a value accurate to rounding no longer fixes the invariants to INVARIANT there; the
certificate, which needs no curvature, decides."""

JUMP_BAND = 1e-10
"""Instances with |log ratio| below this count as lying on a jump, where two different points are global minima: the values of
the two differ by about this share, which training still resolves. The curvature does not vanish there."""

NEAR_CERTIFICATE_GAP = 1e-8
"""Trained value against certified lower bound, relative, near a threshold, where the remaining gradient is larger."""

NEAR_SIZE = 1e-2
"""How large, in its unit, the predicted size of a class or direction within THRESHOLD_BAND of its threshold may be: it grows
from zero in proportion to the distance. Keeps a wrong threshold from excusing instances that are not near at all."""

NEGLIGIBLE_SIZE = 1e-9
"""Predicted invariants below this share of their unit count as zero: sums that cancel leave rounding, not an exact zero."""

ON_THRESHOLD = 1e-12
"""Ratios this close to 1 are on the threshold as far as float64 can tell, and may fall to either side by rounding."""

SAME_MINIMUM = 1e-13
"""Relative distance at which the values of two starts count as the same minimum: all of them are held to the prediction."""

REACHED = 1e-10
"""Relative distance at which a start counts as having reached the lowest value: a tenth of VALUE_GAP. Starts of the same minimum
end within some roundings of one another, and another basin lies higher by 1e-6 or more."""

ROUNDED = 1e-14
"""Rounding of a bound of a chain, relative to the largest value of the chain: differences of large terms."""

CONTRADICTION = 1e-2
"""A formula that is off by more than this, relative, at a trained and certified optimum is refuted there: a thousand times what
INVARIANT allows to training."""

NO_DIVERGENCE = 1e-6
"""Twice the divergence of a latent direction from its prior, in nats, that counts as none. It is of second order in the distance of a
trained point from the prior, which INVARIANT bounds; a direction outside THRESHOLD_BAND has at least a thousand times as much, and so
has a given variance one per cent off the prior's."""
