"""Free energies and forces of training snapshots near what a network predicts of them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from surrogate_hpo.data.datasets import flat
from surrogate_hpo.data.descriptor_store import read_descriptors
from surrogate_hpo.networks.energies.snapshot_energy import EnergyTerm, StreamedTerm
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.predict.descriptor_chain import DescriptorChain
from surrogate_hpo.predict.held_out import BLOCK_POINTS
from surrogate_hpo.training.energy_terms import TrainingSnapshots
from surrogate_hpo.training.ldos_derivatives import LdosDerivatives, predicted_derivatives
from surrogate_hpo.training.reference_snapshot import ReferenceSnapshot
from surrogate_hpo.training.snapshot_term import snapshot_term


def predicted_terms(
    snapshots: TrainingSnapshots, model: SurrogateModel, known: Sequence[EnergyTerm] = ()
) -> Iterator[StreamedTerm]:
    """Compute the terms near what a model predicts, instead of near the reference.

    What they lack is exact: free energy, forces and stress of the prediction are integrated and
    differentiated on the whole grid, as for a held-out snapshot.

    Parameters
    ----------
    snapshots
        The training snapshots.
    model
        Takes their descriptors.
    known
        Terms of the snapshots with descriptors and their derivatives along the same directions;
        without them these are computed.

    Yields
    ------
    StreamedTerm
        One per training snapshot; its reference is the prediction, and its floor the error of the
        free energy.

    Raises
    ------
    PhysicsError
        If a predicted LDOS makes no sense.
    """
    for number, snapshot in enumerate(snapshots.references()):
        points = flat(read_descriptors(snapshots.files[number].descriptors).values)
        ldos = model.predict(torch.from_numpy(points).to(model.precision))
        derivatives = predicted_derivatives(snapshot, ldos.reshape(snapshot.data.values.shape))
        directions = snapshots.directions(number, snapshot)
        if known:
            inputs, tangents = known[number].inputs, iter(known[number].tangents)
        else:
            inputs, tangents = snapshots.computed(snapshot, directions)
        with torch.no_grad():
            scaled = model.network(inputs.to(model.precision)).double()
        outputs = snapshots.scalers.outputs
        term = snapshot_term(snapshot, derivatives, outputs, inputs, scaled, directions)
        slopes = np.zeros(0)
        if len(directions):
            whole = _with_ldos(derivatives, snapshots, snapshot, model, points)
            slopes = directions.slopes(snapshot, whole)
        lacks = np.concatenate([[-term.floor * term.atoms], slopes])
        yield StreamedTerm(term, tangents, torch.from_numpy(lacks))


def _with_ldos(
    derivatives: LdosDerivatives,
    snapshots: TrainingSnapshots,
    snapshot: ReferenceSnapshot,
    model: SurrogateModel,
    points: NDArray[np.float32],
) -> LdosDerivatives:
    """The derivatives with what goes through the LDOS: those of the prediction."""
    where = snapshots.definition, snapshot.atoms, snapshot.grid
    chain = DescriptorChain(*where, threads=snapshots.threads, device="cpu", tells_end=False)
    blocks = (points[i : i + BLOCK_POINTS] for i in range(0, len(points), BLOCK_POINTS))
    positions, strain = chain.pulled([model], [derivatives.cotangent], blocks, "mean")
    return replace(
        derivatives,
        positions=derivatives.positions + positions[0],
        strain=derivatives.strain + strain[0],
    )
