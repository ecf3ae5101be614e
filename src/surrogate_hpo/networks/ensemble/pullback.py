"""From the derivative of an energy by the LDOS back to that by the descriptors."""

from collections.abc import Sequence

import torch
from torch import Tensor

from surrogate_hpo.networks.batches import row_chunks
from surrogate_hpo.networks.ensemble.joined import ROWS_IN_CACHE, JoinedNetworks
from surrogate_hpo.networks.model import SurrogateModel


class Pullback:
    r"""Vector-Jacobian products of several networks for cotangents of rank two.

    For an energy A that depends on the LDOS d at points r with
    :math:`\partial A/\partial d_k(r) = b_k + v(r) n_k`, and on them through a model that maps
    descriptors B(r) to d(r),

    .. math::
        \frac{\partial A}{\partial B_t(r)} =
        \sum_k (b_k + v(r) n_k) \frac{\partial d_k(r)}{\partial B_t(r)} .

    The last layer and the scaling of the outputs are affine: they are applied to b and n once, and
    no point needs them, nor the LDOS. The scaling of the inputs is part of the first layers, whose
    products are one for all networks where their mean is asked for.

    Parameters
    ----------
    models
        The networks; their precision is kept.
    band
        b of each network, shape (energies,).
    electrons
        n of each network, shape (energies,).
    mean
        Whether the mean over the networks is asked for, or each.
    device
        Device to compute on.

    Raises
    ------
    DataError
        If the networks do not have the same descriptors, energies and precision.
    """

    def __init__(
        self,
        models: Sequence[SurrogateModel],
        band: Sequence[Tensor],
        electrons: Sequence[Tensor],
        *,
        mean: bool,
        device: str = "cpu",
    ) -> None:
        self._networks = JoinedNetworks(models, device=device)
        share = 1 / len(models) if mean else 1.0
        self._band, self._electrons = (
            [
                (share * layers.weight @ one.to(device)).to(models[0].precision)
                for layers, one in zip(self._networks.layers, parts, strict=True)
            ]
            for parts in (band, electrons)
        )
        self._mean, self._device = mean, device

    def __call__(self, descriptors: Tensor, fields: Sequence[Tensor]) -> Tensor:
        """Differentiate by the descriptors of some points.

        Parameters
        ----------
        descriptors
            B, shape (points, components), any float type, unscaled.
        fields
            v of each network, shape (points,).

        Returns
        -------
        Tensor
            Shape (networks, points, components), or 1 for their mean; float64 on the CPU.

        Raises
        ------
        DataError
            The number of components is not the one the networks were trained on.
        """
        first, at_points = self._networks.first, torch.stack(list(fields)).T
        parts = []
        for chunk, field in zip(
            row_chunks(descriptors, ROWS_IN_CACHE),
            row_chunks(at_points, ROWS_IN_CACHE),
            strict=True,
        ):
            slope = self._by_first_outputs(chunk, field.to(self._device, first.dtype))
            columns = (
                [slice(None)] if self._mean else [one.columns for one in self._networks.layers]
            )
            parts.append(torch.stack([slope[:, one] @ first[:, one].T for one in columns]))
        return torch.cat(parts, dim=1).to("cpu", torch.float64)

    def _by_first_outputs(self, descriptors: Tensor, field: Tensor) -> Tensor:
        """Derivative by the outputs of all first layers, [points, width of all]."""
        outputs = self._networks.first_outputs(descriptors).requires_grad_()
        hidden = [self._networks.last_hidden(layers, outputs) for layers in self._networks.layers]
        cotangents = [
            torch.addcmul(band, field[:, number, None], electrons)
            for number, (band, electrons) in enumerate(
                zip(self._band, self._electrons, strict=True)
            )
        ]
        (slope,) = torch.autograd.grad(hidden, outputs, cotangents)
        return slope
