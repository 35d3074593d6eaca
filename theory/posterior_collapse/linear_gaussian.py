"""Sources and named facts that the claims on linear VAEs share."""

from theory.claim import Source
from theory.proof import Lemma

VAE = Source(
    "Dang, Tran, Nguyen, Ho",
    "Beyond Vanilla Variational Autoencoders: Detecting Posterior Collapse in Conditional and Hierarchical Variational "
    "Autoencoders",
    "ICLR 2024",
    "2306.05023",
)
GAUSSIAN_POSTERIOR = Lemma(
    "Gibbs variational principle for Gaussians",
    r"$\min_q \mathbb{E}_q \|x - Uz\|^2/\eta_{dec}^2 + 2\beta\,\mathrm{KL}(q \,\|\, p) = \beta\,[x^T M^{-1} x + \log\det(M/(\beta\eta_{dec}^2))]$ "
    r"with $M = \beta\eta_{dec}^2 I + \eta_{enc}^2 U U^T$, attained by the exact posterior alone.",
    "Tipping, Bishop, Probabilistic Principal Component Analysis (1999)",
)
TRACE_INEQUALITY = Lemma(
    "von Neumann's trace inequality for positive matrices",
    r"$\mathrm{tr}(C M^{-1}) \ge \sum_i \theta_i^2 / m_i$ with both spectra in descending order, with equality iff $C$ and $M$ "
    r"share eigenvectors in that order.",
    "Marshall, Olkin, Arnold, Inequalities: Theory of Majorization, 9.H.1",
)
