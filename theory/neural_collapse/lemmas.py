"""The lemmas that chains on neural collapse rest on."""

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
    "Mirsky, Symmetric gauge functions and unitarily invariant norms (1960); Mirsky, A trace inequality of John von Neumann (1975)",
)
HOFFMAN_WIELANDT = Lemma(
    "the Hoffman-Wielandt inequality",
    r"$\|A - B\|_F^2 \ge \sum_i (a_i - b_i)^2$ for symmetric $A$ and $B$ with the eigenvalues $a_1 \ge a_2 \ge \ldots$ and $b_1 \ge b_2 \ge "
    r"\ldots$ of either sign, with equality iff $A$ and $B$ share eigenvectors in that order.",
    "Hoffman, Wielandt, The Variation of the Spectrum of a Normal Matrix (1953)",
)
NORM_DUALITY = Lemma(
    "duality of operator and nuclear norm",
    r"$\langle A, B\rangle \le \|A\|_{op}\,\|B\|_*$.",
    "Mirsky, A trace inequality of John von Neumann (1975)",
)
GIBBS = Lemma(
    "Gibbs' inequality",
    r"$\sum_j p_j \log(p_j / s_j) \ge 0$ for probabilities $p$, $s$, with equality iff $p = s$; term by term it is "
    r"$\log x \le x - 1$.",
    "Cover, Thomas, Elements of Information Theory, Theorem 2.6.3",
)
SCHATTEN = Lemma(
    "variational form of the Schatten quasi-norm",
    r"Over all factorisations $Z = W_M \cdots W_1 H$ the least value of $\sum_j \tfrac{\lambda_j}{2}\|W_j\|^2 + "
    r"\tfrac{\lambda_H}{2}\|H\|^2$ is $\tfrac{M+1}{2} \Lambda^{1/(M+1)} \sum_i \sigma_i(Z)^{2/(M+1)}$ with $\Lambda = "
    r"\lambda_M \cdots \lambda_1 \lambda_H$, attained only where all factors share the singular directions of $Z$ and "
    r"$\lambda_j \sigma_j^2 = \lambda_H \sigma_H^2$ in each of them.",
    "Dai, Karzand, Srebro, Representation Costs of Linear Neural Networks (NeurIPS 2021)",
)
PROJECTION = Lemma(
    "a projection enlarges no singular value",
    r"$\sigma_i(AP) \le \sigma_i(A)$ for every orthogonal projection $P$.",
    "Horn, Johnson, Topics in Matrix Analysis, Theorem 3.3.16",
)
TURNING = Lemma(
    "the Frobenius norm sees no rotation",
    r"$\|U A V^T\|_F = \|A\|_F$ for orthogonal $U$, $V$: with $U W_M$ for $W_M$ and $H V^T$ for $H$ the product $Z$ turns to "
    r"$U Z V^T$, and no decay term changes.",
    "Horn, Johnson, Matrix Analysis, Section 5.6",
)
SUBMULTIPLICATIVE = Lemma(
    "the norm of a product",
    r"$\|AB\|_F \le \|A\|_F \|B\|_F$.",
    "Horn, Johnson, Matrix Analysis, Section 5.6",
)
RECTIFIED = Lemma(
    "the ReLU enlarges no norm",
    r"$\|\mathrm{relu}(A)\|_F \le \|A\|_F$, and $A - \mathrm{relu}(A)$ is orthogonal to $\mathrm{relu}(A)$: entry by entry one of the two "
    r"is zero.",
    "Horn, Johnson, Matrix Analysis, Section 5.1 (Pythagoras); entry by entry, $a = \\max(a, 0) + \\min(a, 0)$",
)
