"""Sums over the eigenvalues of many small matrices at once, without the eigenvalues."""

import torch
from torch import Tensor

from surrogate_hpo.scores.architectures.scoring import Values


def shifted_eigenvalue_sums(matrices: Tensor, k: float) -> tuple[Tensor, Tensor, dict[int, str]]:
    r"""Sum the logarithms and the inverses of shifted eigenvalues.

    .. math::
        \sum_i \log(\sigma_i + k) = \log\det(C + k), \qquad
        \sum_i \frac{1}{\sigma_i + k} = \mathrm{tr}\,(C + k)^{-1}

    From a Cholesky decomposition, which takes a fixed number of steps: a solver of eigenvalues
    takes longer, and can fail to converge where rows repeat.

    Parameters
    ----------
    matrices
        Shape (matrices, N, N): C, positive semi-definite, finite, float64.
    k
        The shift, positive, and large against rounding (:math:`10^{-16} N`).

    Returns
    -------
    tuple[torch.Tensor, torch.Tensor, dict[int, str]]
        Both sums, shape (matrices,), and the reason for each matrix that has none: its
        vanishing eigenvalues are rounded to less than −k.
    """
    shifts = torch.eye(matrices.shape[1], dtype=matrices.dtype, device=matrices.device) * k
    factors, failed = torch.linalg.cholesky_ex(matrices + shifts)
    diagonals = factors.diagonal(dim1=1, dim2=2)
    log_sums = 2 * diagonals.log().sum(1)
    # The inverse of C + k has the trace of L⁻ᵀ L⁻¹, the sum of the squares of L⁻¹.
    inverses = torch.linalg.solve_triangular(factors, shifts / k, upper=False)
    inverse_sums = inverses.square().sum((1, 2))
    reason = f"k = {k:g} is lost in the rounding of the eigenvalues"
    reasons = dict.fromkeys(failed.nonzero().flatten().tolist(), reason)
    return log_sums, inverse_sums, reasons


def correlation_scores(jacobians: Tensor, *, k: float = 1e-4) -> Values:
    r"""Score Jacobians by the eigenvalues of the correlation matrices of their rows.

    .. math:: S = \sum_i \left[\log(\sigma_i + k) + \frac{1}{\sigma_i + k}\right]

    Equation 13 of Fiedler et al. (2022). Uncorrelated rows (all eigenvalues one) give about
    N, equal rows about (N − 1)/k.

    Parameters
    ----------
    jacobians
        Shape (initialisations, N, components), float64.
    k
        Regularisation of vanishing eigenvalues.

    Returns
    -------
    Values
        S of each Jacobian. There is none for a Jacobian that is not finite, or has a constant
        row, which has no correlation with the others, or for a k that rounding hides.
    """
    rows = jacobians - jacobians.mean(2, keepdim=True)
    norms = torch.linalg.vector_norm(rows, dim=2)
    # Relative to the row: rounding leaves a constant row with a deviation that is not zero.
    varied = (norms > 1e-12 * torch.linalg.vector_norm(jacobians, dim=2)).all(1)
    # A number that is not finite makes its row's norm so.
    usable = varied & norms.isfinite().all(1)
    rows = torch.where(usable[:, None, None], rows / norms[:, :, None], 0.0)
    log_sums, inverse_sums, reasons = shifted_eigenvalue_sums(rows @ rows.mT, k)
    numbers = torch.where(usable, log_sums + inverse_sums, torch.nan)
    if not usable.all():
        finite = norms.isfinite().all(1).tolist()
        reasons |= {
            number: "a Jacobian row is constant" if finite[number] else "the Jacobian is not finite"
            for number in (~usable).nonzero().flatten().tolist()
        }
    return Values(numbers, reasons)
