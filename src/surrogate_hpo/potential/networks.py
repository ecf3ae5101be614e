"""A small network per element that corrects a linear potential, with its slopes for forces."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.options import Activation
from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.potential.labelled import Labelled

FloatArray = NDArray[np.float64]
_ACTIVATIONS = {
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
# Steps of L-BFGS between two looks at the validation snapshots, and looks without progress.
_STEPS, _PATIENCE = 10, 10


@dataclass(frozen=True)
class ElementNetworks:
    r"""Energies that networks add to a linear potential.

    .. math::
        \Delta E = \sum_i f_{e(i)}\Bigl(\frac{\mathbf{B}(i) - \boldsymbol\mu_{e(i)}}
        {\boldsymbol\sigma_{e(i)}}\Bigr)

    Attributes
    ----------
    architecture
        Of every network; its input are the components at an atom, its output is one energy.
    means
        μ of each element, [elements, components].
    scales
        σ of each element, [elements, components].
    parameters
        Weights [outputs, inputs] and biases [outputs] of each layer in turn, of each element; eV.
    validation_loss
        Of the fit; NaN of networks that were read from a file.
    """

    architecture: Architecture
    means: FloatArray
    scales: FloatArray
    parameters: tuple[tuple[FloatArray, ...], ...]
    validation_loss: float = math.nan

    def energy_and_slopes(
        self, values: FloatArray, kinds: NDArray[np.intp]
    ) -> tuple[float, FloatArray]:
        """Energy of a structure (eV), and its derivative by the components at each atom.

        Parameters
        ----------
        values
            Components at each atom, [N, components].
        kinds
            Index of each atom's element, [N].

        Returns
        -------
        float, array [N, components]
            eV per cell, eV.
        """
        given = torch.from_numpy(values).requires_grad_()
        weights = [[torch.from_numpy(w) for w in of_one] for of_one in self.parameters]
        scaled = _scaled(given, kinds, self.means, self.scales)
        energy = _energy(scaled, kinds, weights, self.architecture.activation)
        (slopes,) = torch.autograd.grad(energy, given)
        return float(energy.detach()), slopes.numpy()


def _scaled(
    values: torch.Tensor, kinds: NDArray[np.intp], means: FloatArray, scales: FloatArray
) -> torch.Tensor:
    mean, scale = (torch.from_numpy(each[kinds]) for each in (means, scales))
    return (values - mean) / scale


def _energy(
    scaled: torch.Tensor,
    kinds: NDArray[np.intp],
    parameters: Sequence[Sequence[torch.Tensor]],
    activation: Activation,
) -> torch.Tensor:
    total = scaled.new_zeros(())
    for kind, weights in enumerate(parameters):
        flow = scaled[torch.from_numpy(kinds == kind)]
        for layer in range(0, len(weights), 2):
            flow = flow @ weights[layer].T + weights[layer + 1]
            if layer + 2 < len(weights):
                flow = _ACTIVATIONS[activation](flow)
        total = total + flow.sum()
    return total


@dataclass(frozen=True)
class Corrected:
    """What a network learns of one structure: what a linear potential leaves.

    Attributes
    ----------
    one
        The structure.
    energy
        DFT minus linear, eV per cell.
    forces
        The same, eV/Å, [N, 3]; None where they are not known.
    """

    one: Labelled
    energy: float
    forces: FloatArray | None


@dataclass(frozen=True)
class _Prepared:
    """A structure as the fit needs it: scaled components, and how they follow the positions."""

    scaled: torch.Tensor
    kinds: NDArray[np.intp]
    jacobian: torch.Tensor
    energy: float
    forces: torch.Tensor | None


def fit_networks(
    data: Sequence[Corrected],
    validation: Sequence[Corrected],
    descriptor: AtomDescriptor,
    architecture: Architecture,
    *,
    force_weight: float,
    steps: int,
    seed: int,
) -> ElementNetworks:
    r"""Fit networks to what a linear potential leaves, by L-BFGS.

    The loss is that of the linear fit, errors of the energy per atom and `force_weight` times
    those of the forces. The last layer begins at zero, so that the networks begin as no
    correction, and the parameters with the smallest loss on the validation structures are kept: on
    these the networks are never worse than the linear potential alone.

    Parameters
    ----------
    data
        Structures to learn from.
    validation
        Structures that decide when to stop.
    descriptor
        What atoms are described by.
    architecture
        Hidden layers and activation.
    force_weight
        Å/atom; 0 for energies alone.
    steps
        Steps of L-BFGS at most.
    seed
        Of the initial weights.

    Returns
    -------
    ElementNetworks
        With the parameters of the best step.
    """
    means, scales = _scaling([one.one for one in data], descriptor)
    learnt, held_out = (
        [_prepared(one, descriptor, means, scales) for one in part] for part in (data, validation)
    )
    parameters = _initial(descriptor, architecture, seed)
    flat = [weight for of_one in parameters for weight in of_one]
    optimiser = torch.optim.LBFGS(
        flat,
        max_iter=_STEPS,
        history_size=50,
        tolerance_grad=0.0,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    def loss_of(part: Sequence[_Prepared]) -> torch.Tensor:
        return _loss(part, parameters, architecture.activation, force_weight)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = loss_of(learnt) / unit
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    # Tolerances and first steps of L-BFGS are made for losses of the order of one.
    unit = max(float(loss_of(learnt).detach()), 1e-12)
    best, kept, since = float(loss_of(held_out).detach()), [w.detach().clone() for w in flat], 0
    for _ in range(0, steps, _STEPS):
        optimiser.step(closure)  # type: ignore[no-untyped-call]
        now = float(loss_of(held_out).detach())
        if now < best:
            best, kept, since = now, [w.detach().clone() for w in flat], 0
        elif (since := since + 1) >= _PATIENCE or not np.isfinite(now):
            break
    size = len(parameters[0])
    numbers = [weight.numpy() for weight in kept]
    return ElementNetworks(
        architecture,
        means,
        scales,
        tuple(tuple(numbers[k : k + size]) for k in range(0, len(numbers), size)),
        best,
    )


def scaled_components(data: Sequence[Labelled], descriptor: AtomDescriptor) -> FloatArray:
    """Components at all atoms of structures as the networks see them, [atoms, components]."""
    means, scales = _scaling(data, descriptor)
    values, kinds = _components(data, descriptor)
    return np.asarray((values - means[kinds]) / scales[kinds])


def _components(
    data: Sequence[Labelled], descriptor: AtomDescriptor
) -> tuple[FloatArray, NDArray[np.intp]]:
    values = np.vstack([descriptor.bispectrum(one.atoms)() for one in data])
    return values, np.concatenate([descriptor.kinds(one.atoms) for one in data])


def _scaling(data: Sequence[Labelled], descriptor: AtomDescriptor) -> tuple[FloatArray, FloatArray]:
    values, kinds = _components(data, descriptor)
    of_kinds = [values[kinds == kind] for kind in range(descriptor.counts)]
    spread = np.array([each.std(axis=0) for each in of_kinds])
    means = np.array([each.mean(axis=0) for each in of_kinds])
    # What never varies stays as it is.
    return means, np.where(spread > 1e-9 * np.abs(means).max(), spread, 1.0)


def _prepared(
    one: Corrected, descriptor: AtomDescriptor, means: FloatArray, scales: FloatArray
) -> _Prepared:
    atoms = one.one.atoms
    kinds, bispectrum = descriptor.kinds(atoms), descriptor.bispectrum(atoms)
    number, components = len(atoms), descriptor.components
    jacobian = np.zeros((0, 0))
    if one.forces is not None:
        units = np.eye(components)[:, None]
        rows = [bispectrum.adjoint(units, centres=np.array([i]))[0] for i in range(number)]
        scaled = np.array(rows).reshape(number, components, -1) / scales[kinds][:, :, None]
        jacobian = scaled.reshape(number * components, -1)
    return _Prepared(
        _scaled(torch.from_numpy(bispectrum()), kinds, means, scales),
        kinds,
        torch.from_numpy(jacobian),
        one.energy,
        None if one.forces is None else torch.from_numpy(one.forces.ravel()),
    )


def _initial(
    descriptor: AtomDescriptor, architecture: Architecture, seed: int
) -> list[list[torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed % 2**63)
    widths = [descriptor.components, *architecture.hidden_widths, 1]
    found = []
    for _ in range(descriptor.counts):
        weights: list[torch.Tensor] = []
        for layer, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            last = layer == len(widths) - 2
            drawn = torch.randn(outputs, inputs, generator=generator, dtype=torch.float64)
            weights += [
                (0.0 if last else inputs**-0.5) * drawn,
                torch.zeros(outputs, dtype=torch.float64),
            ]
        found.append([weight.requires_grad_() for weight in weights])
    return found


def _loss(
    data: Sequence[_Prepared],
    parameters: Sequence[Sequence[torch.Tensor]],
    activation: Activation,
    force_weight: float,
) -> torch.Tensor:
    energies, forces, components = torch.zeros(()), torch.zeros(()), 0
    for one in data:
        pulled = one.forces is not None and force_weight > 0
        scaled = one.scaled.detach().requires_grad_(pulled)
        energy = _energy(scaled, one.kinds, parameters, activation)
        energies = energies + ((energy - one.energy) / len(one.kinds)) ** 2
        if one.forces is not None and pulled:
            (slopes,) = torch.autograd.grad(energy, scaled, create_graph=True)
            found = -slopes.ravel() @ one.jacobian
            forces = forces + ((found - one.forces) ** 2).sum()
            components += len(one.forces)
    return energies / len(data) + force_weight**2 * forces / max(components, 1)
