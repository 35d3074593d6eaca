"""Facts of the literature that the claims on posterior collapse rest on."""

from __future__ import annotations

from theory.proof import Lemma

GAUSSIAN_POSTERIOR = Lemma(
    "Gibbs variational principle for Gaussians",
    r"$\min_q \mathbb{E}_q \|x - Uz\|^2/\eta_{dec}^2 + 2\beta\,\mathrm{KL}(q \,\|\, p) = \beta\,[x^T M^{-1} x + \log\det(M/(\beta\eta_{dec}^2))]$ "
    r"with $M = \beta\eta_{dec}^2 I + \eta_{enc}^2 U U^T$, attained by the exact posterior alone.",
    "Tipping, Bishop, Probabilistic Principal Component Analysis (1999)",
)
TRACE_INEQUALITY = Lemma(
    "von Neumann's trace inequality for positive matrices",
    r"$\mathrm{tr}(A B) \ge \sum_i a_i b_i$ with the spectrum of $A$ in descending and that of $B$ in ascending order, with equality iff "
    r"$A$ and $B$ share eigenvectors in that order. So $\mathrm{tr}(C M^{-1}) \ge \sum_i \theta_i^2 / m_i$ with both spectra descending.",
    "Marshall, Olkin, Arnold, Inequalities: Theory of Majorization, 9.H.1",
)
LOG_MAJORISATION = Lemma(
    "log-majorisation of a product of positive matrices",
    r"For positive definite $P$ and $S$ with the eigenvalues $p_i$ descending and $s_i$ ascending, the logarithms of the eigenvalues of "
    r"$S^{1/2} P S^{1/2}$ majorise $\log p_i + \log s_i$ (Gelfand and Naimark). So for every convex $h$ the sum of $h$ over those "
    r"logarithms is at least $\sum_i h(\log p_i + \log s_i)$, and for a strictly convex $h$ with equality iff $P$ and $S$ share "
    r"eigenvectors in that order.",
    "Bhatia, Matrix Analysis, II.3 and III.4",
)
RIDGE = Lemma(
    "Completing the square",
    r"$\min_W \|C^{1/2} - U W C^{1/2}\|^2 + \kappa^2 \|W C^{1/2}\|^2 = \kappa^2\,\mathrm{tr}(C M^{-1})$ with $M = U U^T + \kappa^2 I$: "
    r"the difference is $\|A^{1/2} (W - A^{-1} U^T) C^{1/2}\|^2$ with $A = U^T U + \kappa^2 I$, because "
    r"$I - U A^{-1} U^T = \kappa^2 M^{-1}$. It is attained by $W = A^{-1} U^T$ alone.",
    "Horn, Johnson, Matrix Analysis, 0.7.4",
)
BEST_DECODER = Lemma(
    "the best linear decoder",
    r"With $F = S^{-1} W C^{1/2}$ and an invertible $S$, $R = (I - U W) C (I - U W)^T + U S S^T U^T$ is "
    r"$C^{1/2} (I + F^T F)^{-1} C^{1/2} + (U - C W^T A^{-1}) A (U - C W^T A^{-1})^T$ with $A = W C W^T + S S^T$: completing the square in "
    r"$U$. So $\mathrm{tr}\,R \ge \mathrm{tr}(C^{1/2} (I + F^T F)^{-1} C^{1/2})$ and $\det R \ge \det C / \det(I + F F^T)$, both attained "
    r"by $U = C W^T A^{-1}$ alone.",
    "Horn, Johnson, Matrix Analysis, 0.7.4 and 7.7.4",
)
STEIN_LOSS = Lemma(
    "Stein's loss is not negative",
    r"$\mathrm{tr}\,A - \log\det A - D \ge 0$ for a positive definite $A$ of size $D$, with equality iff $A = I$: the sum of $a - \log a - 1$ "
    r"over the eigenvalues $a$ of $A$.",
    "James, Stein, Estimation with Quadratic Loss (1961)",
)
HADAMARD = Lemma(
    "Hadamard's inequality",
    r"$\log\det A \le \sum_i \log A_{ii}$ for a positive definite $A$, with equality iff $A$ is diagonal.",
    "Horn, Johnson, Matrix Analysis, 7.8.1",
)
