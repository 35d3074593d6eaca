"""Named facts the chains on neural collapse rest on."""

from theory.proof import Lemma

NUCLEAR_NORM = Lemma(
    "variational form of the nuclear norm",
    r"$\min_{WH = Z} \tfrac{\lambda_W}{2}\|W\|^2 + \tfrac{\lambda_H}{2}\|H\|^2 = \sqrt{\lambda_W \lambda_H}\,\|Z\|_*$, "
    r"attained only where $\lambda_W W^T W = \lambda_H H H^T$.",
    "Srebro, Rennie, Jaakkola, Maximum-Margin Matrix Factorization (NeurIPS 2004)",
)
MIRSKY = Lemma(
    "Mirsky's inequality",
    r"$\|A - B\|_F^2 \ge \sum_i (\sigma_i(A) - \sigma_i(B))^2$, with equality iff $A$ and $B$ share singular vectors.",
    "Mirsky, Symmetric gauge functions and unitarily invariant norms (1960); von Neumann's trace inequality",
)
NORM_DUALITY = Lemma(
    "duality of operator and nuclear norm",
    r"$\langle A, B\rangle \le \|A\|_{op}\,\|B\|_*$.",
    "von Neumann's trace inequality",
)
GIBBS = Lemma(
    "Gibbs' inequality",
    r"$\sum_j p_j \log(p_j / s_j) \ge 0$ for probabilities $p$, $s$, with equality iff $p = s$; term by term it is "
    r"$\log x \le x - 1$.",
    "Cover, Thomas, Elements of Information Theory, Theorem 2.6.3",
)
