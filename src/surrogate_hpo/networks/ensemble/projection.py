"""Sums over energy of the LDOS that several networks predict, without the LDOS."""

from collections.abc import Sequence

import torch
from torch import Tensor

from surrogate_hpo.errors import DataError
from surrogate_hpo.networks.batches import row_chunks
from surrogate_hpo.networks.ensemble.joined import ROWS_IN_CACHE, JoinedNetworks
from surrogate_hpo.networks.model import SurrogateModel


class ProjectedEnsemble:
    r"""Density of states and weighted sums over energy, of several networks in one pass.

    The last layer and the scaling of the outputs are affine: with h the last hidden layer,

    .. math::
        d_k(r) = \sum_j h_j(r) W_{jk} + b_k, \qquad
        \sum_k w_k d_k(r) = \sum_j h_j(r) (Ww)_j + w \cdot b, \qquad
        \sum_r d_k(r) = \sum_j \Bigl(\sum_r h_j(r)\Bigr) W_{jk} + \sum_r b_k .

    So a few weights cost a few numbers per point, however many energies there are, and the DOS one
    product for all points. The scaling of the inputs is part of the first layers, which are taken
    for all networks at once; only the sums over h are float64. The numbers
    are those of the networks' own `predict` but for the rounding of their precision.

    Parameters
    ----------
    models
        The networks; of any architectures, but one precision.
    weights
        Weights w of each network, [weights, E], any unit; none where only its DOS is wanted.
    device
        Device to compute on.
    rough
        Whether activations may err by 4e-7, which is faster.

    Raises
    ------
    DataError
        If the networks do not have the same descriptors and energies, or weights do not fit.
    """

    def __init__(
        self,
        models: Sequence[SurrogateModel],
        weights: Sequence[Tensor | None],
        *,
        device: str = "cpu",
        rough: bool = False,
    ) -> None:
        self._networks = JoinedNetworks(models, device=device, rough=rough)
        _check(weights, models[0].output_scaler.features)
        layers_of_each = self._networks.layers
        self._projections = [
            None
            if part is None
            else (layers.weight @ part.T.to(device), layers.bias @ part.T.to(device))
            for layers, part in zip(layers_of_each, weights, strict=True)
        ]
        self._sums = [
            torch.zeros(len(one.weight), dtype=torch.float64, device=device)
            for one in layers_of_each
        ]
        self._points = 0

    @torch.no_grad()
    def __call__(self, descriptors: Tensor) -> list[Tensor | None]:
        """Take some points.

        Parameters
        ----------
        descriptors
            Shape (points, components), unscaled, any float type.

        Returns
        -------
        list
            Weighted sums of each network's LDOS, [weights, points], float64 on the CPU; None
            where there are no weights.

        Raises
        ------
        DataError
            The number of components is not the one the networks were trained on.
        """
        found: list[list[Tensor]] = [[] for _ in self._networks.layers]
        for chunk in row_chunks(descriptors, ROWS_IN_CACHE):
            first = self._networks.first_outputs(chunk)
            for number, (layers, projection) in enumerate(
                zip(self._networks.layers, self._projections, strict=True)
            ):
                hidden = self._networks.last_hidden(layers, first).to(torch.float64)
                self._sums[number] += hidden.sum(dim=0)
                if projection is not None:
                    found[number].append(torch.addmm(projection[1], hidden, projection[0]).T.cpu())
        self._points += len(descriptors)
        return [torch.cat(parts, dim=1) if parts else None for parts in found]

    def dos(self) -> Tensor:
        """Sum of the LDOS over the points so far, [network, E], 1/(eV Å³), float64 on the CPU."""
        sums = [
            total @ layers.weight + self._points * layers.bias
            for total, layers in zip(self._sums, self._networks.layers, strict=True)
        ]
        return torch.stack(sums).cpu()


def _check(weights: Sequence[Tensor | None], energies: int) -> None:
    for number, part in enumerate(weights):
        if part is not None and (part.ndim != 2 or part.shape[1] != energies):
            raise DataError(
                "Weights that do not fit the energies of the LDOS.",
                where=f"network {number}",
                expected=f"shape [weights, {energies}]",
                got=f"shape {tuple(part.shape)}",
            )
