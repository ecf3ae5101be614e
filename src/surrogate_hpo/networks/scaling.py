"""Affine scalings that bring descriptors and LDOS to numbers of order one.

A scaling is fitted once, on the training data, in float64. It lives in tensors alone, so
that a model file loads without executing anything (``torch.load(..., weights_only=True)``).
"""

from collections.abc import Mapping
from typing import get_args

import torch
from torch import Tensor

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.networks.batches import row_chunks
from surrogate_hpo.networks.options import InputScaling, OutputScaling
from surrogate_hpo.networks.summary import Values, summarise

INPUT_SCALINGS: tuple[InputScaling, ...] = get_args(InputScaling)
OUTPUT_SCALINGS: tuple[OutputScaling, ...] = get_args(OutputScaling)

_ROWS_PER_CHUNK = 65536
# An energy without states is no reason to divide by zero, or by the tail of a broadening.
_FEATURE_MAXIMUM_FLOOR = 1e-3


class AffineScaler:
    r"""The map :math:`y = (x - \mu) W` and its inverse, over the last axis.

    Parameters
    ----------
    offset
        Shape (features,): the offset :math:`\mu`, in the unit of the data.
    forward
        Shape (features, features): :math:`W`, in the data's inverse unit.
    backward
        Shape (features, features): the inverse of ``forward``.
    """

    def __init__(self, offset: Tensor, forward: Tensor, backward: Tensor) -> None:
        self.offset = offset.to(torch.float64)
        self.forward = forward.to(torch.float64)
        self.backward = backward.to(torch.float64)

    @property
    def features(self) -> int:
        """Length of the vectors that are scaled."""
        return self.offset.numel()

    def transform(self, values: Tensor) -> Tensor:
        """Scale vectors.

        Parameters
        ----------
        values
            Shape (..., features), any float type, in the unit of the fit.

        Returns
        -------
        torch.Tensor
            Same shape, device and type; the arithmetic is float64, because whitening
            takes small differences of large, collinear numbers.
        """
        return self._apply(values, self.offset, self.forward, subtract=True)

    def inverse(self, values: Tensor) -> Tensor:
        """Undo `transform`.

        Parameters
        ----------
        values
            Shape (..., features), any float type.

        Returns
        -------
        torch.Tensor
            Same shape, device and type, in the unit of the fit.
        """
        return self._apply(values, self.offset, self.backward, subtract=False)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the tensors that define the scaling, float64 on the CPU."""
        return {"offset": self.offset, "forward": self.forward, "backward": self.backward}

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "AffineScaler":
        """Restore a scaling from what `state_dict` returned."""
        return cls(state["offset"].cpu(), state["forward"].cpu(), state["backward"].cpu())

    def _apply(self, values: Tensor, offset: Tensor, matrix: Tensor, *, subtract: bool) -> Tensor:
        if values.shape[-1] != self.features:
            raise DataError(
                "These data do not fit the scaling.",
                expected=f"{self.features} features in the last axis",
                got=f"shape {tuple(values.shape)}",
                remedy="Use the descriptors and the energy axis that the model was trained on.",
            )
        offset, matrix = offset.to(values.device), matrix.to(values.device)
        rows = values.reshape(-1, self.features)
        result = torch.empty_like(rows)
        # Chunks bound the float64 copy of data that may fill most of the memory.
        for source, target in zip(
            row_chunks(rows, _ROWS_PER_CHUNK), row_chunks(result, _ROWS_PER_CHUNK), strict=True
        ):
            chunk = source.to(torch.float64)
            target.copy_((chunk - offset) @ matrix if subtract else chunk @ matrix + offset)
        return result.reshape(values.shape)


def fit_input_scaler(
    descriptors: Values, method: InputScaling, *, eigenvalue_floor: float = 1e-6
) -> AffineScaler:
    r"""Fit the scaling of the descriptors.

    ``standardised`` divides each component by its standard deviation. ``whitened`` also
    rotates to the principal axes of the correlation matrix :math:`C = V \Lambda V^T` and
    divides by :math:`\sqrt{\max(\Lambda, \epsilon\Lambda_{max})}`: SNAP components are
    highly collinear, and without this a few directions dominate the gradients.

    Parameters
    ----------
    descriptors
        Shape (points, components): descriptors of the training points; or parts of them, which
        can be gone through twice; or their summary.
    method
        ``none``, ``standardised`` or ``whitened``.
    eigenvalue_floor
        The floor :math:`\epsilon`, relative to the largest eigenvalue; keeps rounding noise of
        nearly dependent components from being blown up to order one.

    Returns
    -------
    AffineScaler
        The fitted scaling. A component that is constant is centred and not scaled.

    Raises
    ------
    DataError
        Fewer than two points, or a value that is not finite.
    ConfigError
        Unknown method, or a floor outside (0, 1).
    """
    if method not in INPUT_SCALINGS:
        raise _unknown("input_scaling", method, INPUT_SCALINGS)
    if not 0 < eigenvalue_floor < 1:
        raise ConfigError(
            "The eigenvalue floor of the whitening is out of range.",
            where="eigenvalue_floor",
            expected="a number between 0 and 1, relative to the largest eigenvalue",
            got=str(eigenvalue_floor),
        )
    summary = summarise(descriptors, "descriptors")
    mean, covariance = summary.mean, summary.covariance
    if method == "none":
        return _diagonal(torch.zeros_like(mean), torch.ones_like(mean))
    deviation = _safe_deviation(mean, covariance)
    if method == "standardised":
        return _diagonal(mean, deviation)
    eigenvalues, axes = torch.linalg.eigh(covariance / torch.outer(deviation, deviation))
    largest = eigenvalues[-1]
    if largest <= 0:  # all components constant: there is nothing to rotate
        return _diagonal(mean, deviation)
    root = eigenvalues.clamp_min(eigenvalue_floor * largest).sqrt()
    return AffineScaler(
        mean, axes / deviation[:, None] / root, (root[:, None] * axes.T) * deviation
    )


def fit_output_scaler(ldos: Values, method: OutputScaling) -> AffineScaler:
    r"""Fit the scaling of the LDOS.

    ``maximum`` divides all energies by the largest LDOS of the training data;
    ``standardised`` subtracts the mean of each energy and divides all by one number, the
    root mean square of the standard deviations. Neither changes the relative weight of
    the energies in a squared error, which is what energies, sums over them, need.
    ``feature_maximum`` divides each energy by its own largest LDOS, or by a thousandth of
    the largest of all where that is larger, so that sparse energies weigh as much as others.

    Parameters
    ----------
    ldos
        Shape (points, energies), 1/(eV Å³): LDOS of the training points; or parts of it, which
        can be gone through twice; or its summary.
    method
        ``none``, ``maximum``, ``standardised`` or ``feature_maximum``.

    Returns
    -------
    AffineScaler
        The fitted scaling.

    Raises
    ------
    DataError
        Fewer than two points, a value that is not finite, or an LDOS that is nowhere
        positive.
    ConfigError
        Unknown method.
    """
    if method not in OUTPUT_SCALINGS:
        raise _unknown("output_scaling", method, OUTPUT_SCALINGS)
    summary = summarise(ldos, "LDOS")
    mean = summary.mean
    zero, one = torch.zeros_like(mean), torch.ones_like(mean)
    if method == "none":
        return _diagonal(zero, one)
    maximum = summary.positive_maximum
    if method == "maximum":
        return _diagonal(zero, one * maximum)
    if method == "feature_maximum":
        largest = summary.maximum.to(mean)
        return _diagonal(zero, largest.clamp_min(_FEATURE_MAXIMUM_FLOOR * maximum))
    spread = summary.covariance.diagonal().mean().clamp_min(0).sqrt()
    # A constant LDOS leaves nothing to learn but its mean: any positive scale will do.
    return _diagonal(mean, one * (spread if spread > 1e-12 * maximum else maximum))


def error_weights(scaler: AffineScaler, ldos: Values) -> Tensor | None:
    """Factors that express squared errors of a scaled LDOS in units of the largest LDOS.

    With them, the losses of trainings with different output scalings can be compared.

    Parameters
    ----------
    scaler
        A scaling of `fit_output_scaler`.
    ldos
        Shape (points, energies), 1/(eV Å³): LDOS of the training points, or what
        `fit_output_scaler` takes for it.

    Returns
    -------
    torch.Tensor or None
        Shape (energies,), float64 on the CPU; none if all are one, as for ``maximum``.

    Raises
    ------
    DataError
        An LDOS that is nowhere positive.
    """
    weights = (scaler.backward.diagonal() / summarise(ldos, "LDOS").positive_maximum).square()
    return None if bool((weights == 1).all()) else weights


def _diagonal(offset: Tensor, scale: Tensor) -> AffineScaler:
    return AffineScaler(offset.cpu(), torch.diag(1 / scale).cpu(), torch.diag(scale).cpu())


def _safe_deviation(mean: Tensor, covariance: Tensor) -> Tensor:
    deviation = covariance.diagonal().clamp_min(0).sqrt()
    # Rounding makes a constant component's deviation tiny, not zero (float32 data: 6e-8).
    constant = deviation <= 1e-7 * mean.abs().clamp_min(torch.finfo(torch.float64).tiny)
    return torch.where(constant, torch.ones_like(deviation), deviation)


def _unknown(where: str, got: str, known: tuple[str, ...]) -> ConfigError:
    return ConfigError("Unknown scaling.", where=where, expected=", ".join(known), got=repr(got))
