"""Eigenvalues of many small symmetric matrices at once, and scores made of them."""

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from surrogate_hpo.selection.scoring import Values


def symmetric_eigenvalues(matrices: Tensor) -> tuple[Tensor, dict[int, str]]:
    """Return the eigenvalues of positive semi-definite matrices.

    Parameters
    ----------
    matrices
        Shape (matrices, N, N), finite, float64.

    Returns
    -------
    tuple[torch.Tensor, dict[int, str]]
        Shape (matrices, N), ascending, what rounding has made negative set to zero; and the
        reason for each matrix whose eigenvalues did not converge, which are NaN.
    """
    try:
        return torch.linalg.eigvalsh(matrices).clamp_(min=0.0), {}
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        pass
    # Divide and conquer can fail where rows repeat; QR iterations ("ev") are more robust, and
    # matrix by matrix the others of the batch are kept.
    found, reasons = torch.full(matrices.shape[:-1], torch.nan, dtype=matrices.dtype), {}
    for number, matrix in enumerate(matrices.numpy(force=True)):
        try:
            values = scipy.linalg.eigh(matrix, eigvals_only=True, driver="ev")
            found[number] = torch.from_numpy(np.clip(values, 0.0, None))
        except np.linalg.LinAlgError:
            reasons[number] = "the eigenvalues did not converge"
    return found.to(matrices.device), reasons


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
        row, which has no correlation with the others.
    """
    finite = jacobians.isfinite().flatten(1).all(1)
    rows = jacobians - jacobians.mean(2, keepdim=True)
    norms = torch.linalg.vector_norm(rows, dim=2, keepdim=True)
    # Relative to the row: rounding leaves a constant row with a deviation that is not zero.
    lengths = torch.linalg.vector_norm(jacobians, dim=2, keepdim=True)
    varied = (norms > 1e-12 * lengths).flatten(1).all(1)
    usable = finite & varied
    rows = torch.where(usable[:, None, None], rows / norms, 0.0)
    eigenvalues, reasons = symmetric_eigenvalues(rows @ rows.mT)
    shifted = eigenvalues + k
    numbers = torch.where(usable, (shifted.log() + 1 / shifted).sum(1), torch.nan)
    if not usable.all():
        reasons |= {
            number: "a Jacobian row is constant" if ok else "the Jacobian is not finite"
            for number, (ok, use) in enumerate(zip(finite.tolist(), usable.tolist(), strict=True))
            if not use
        }
    return Values(numbers, reasons)
