"""From the derivative of an energy by the LDOS back to that by the descriptors."""

from typing import cast

import torch
from torch import Tensor, nn

from surrogate_hpo.networks.model import SurrogateModel


class Pullback:
    r"""Vector-Jacobian product of a surrogate model for a cotangent of rank two.

    For an energy A that depends on the LDOS d at points r with
    :math:`\partial A/\partial d_k(r) = b_k + v(r) n_k`, and on them through a model that maps
    descriptors B(r) to d(r),

    .. math::
        \frac{\partial A}{\partial B_t(r)} =
        \sum_k (b_k + v(r) n_k) \frac{\partial d_k(r)}{\partial B_t(r)} .

    The last layer and the scaling of the outputs are affine: they are applied to b and n once, and
    no point needs them, nor the LDOS.

    Parameters
    ----------
    model
        The model; its network is taken to the device, and keeps its precision.
    band
        b, shape (energies,).
    electrons
        n, shape (energies,).
    device
        Device to compute on.
    """

    def __init__(
        self, model: SurrogateModel, band: Tensor, electrons: Tensor, *, device: str = "cpu"
    ) -> None:
        network = cast(nn.Sequential, model.network.to(device).eval())
        self._hidden, last = network[:-1], cast(nn.Linear, network[-1])
        self._weight = last.weight
        backward = model.output_scaler.backward.to(device)
        weight = last.weight.detach().to(torch.float64)
        self._band, self._electrons = (
            backward @ part.to(device) @ weight for part in (band, electrons)
        )
        self._inputs, self._device = model.input_scaler, device

    def __call__(self, descriptors: Tensor, field: Tensor) -> Tensor:
        """Differentiate by the descriptors of some points.

        Parameters
        ----------
        descriptors
            B, shape (points, components), any float type, unscaled.
        field
            v, shape (points,).

        Returns
        -------
        Tensor
            Shape (points, components), float64 on the CPU.
        """
        precision = self._weight.dtype
        given = descriptors.to(self._device)
        inputs = self._inputs.transform(given).to(precision).requires_grad_()
        hidden = self._hidden(inputs)
        cotangent = self._band + field.to(self._device)[:, None] * self._electrons
        (slope,) = torch.autograd.grad(hidden, inputs, cotangent.to(precision))
        forward = self._inputs.forward.to(self._device)
        return (slope.to(torch.float64) @ forward.T).cpu()
