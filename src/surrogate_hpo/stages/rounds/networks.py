"""What networks learn from all that is computed so far: their error, for `rounds.stop`."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np

from surrogate_hpo.data.datasets import read_points
from surrogate_hpo.data.models import TrainedModel
from surrogate_hpo.errors import PhysicsError
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.options import OutputScaling
from surrogate_hpo.run.interface import ArgumentGroup, Input
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.rounds.settings import NetworkSettings
from surrogate_hpo.stages.search.energies import EnergyErrors
from surrogate_hpo.stages.search.inputs import JudgedFiles
from surrogate_hpo.training.fitting import new_training, scale, subset
from surrogate_hpo.training.short_trainings import run_shortly

logger = logging.getLogger(__name__)
_QUANTITY = "total_free_energy"
# A network that has learnt nothing yet then predicts the mean, which has a Fermi energy.
_OUTPUT: OutputScaling = "standardised"
_RECIPE = {"batch_size", "learning_rate", "optimiser", "weight_decay"}


@dataclass(frozen=True)
class LdosFiles(ArgumentGroup):
    """What networks learn from, where `rounds.stop` asks for their error; none where it does not.

    They are those of the snapshots whose structures are given.
    """

    ldos: Annotated[
        Sequence[Path], Input("LDOS stores of the training, for rounds.stop; 1/(eV Å³)")
    ] = ()
    descriptors: Annotated[Sequence[Path], Input("descriptor stores of the same snapshots")] = ()
    validation_ldos: Annotated[
        Sequence[Path], Input("LDOS stores of the validation snapshots; 1/(eV Å³)")
    ] = ()
    validation_descriptors: Annotated[
        Sequence[Path], Input("descriptor stores of the same snapshots")
    ] = ()
    pseudopotentials: Annotated[Sequence[Path], Input("UPF files, for the energies")] = ()

    @property
    def paths(self) -> list[Path]:
        """All of them."""
        stores = [*self.ldos, *self.descriptors, *self.validation_ldos]
        return [*stores, *self.validation_descriptors, *self.pseudopotentials]


NO_STORES = LdosFiles()


def surrogate_error(
    settings: NetworkSettings,
    files: LdosFiles,
    structures: Sequence[Path],
    dft: Sequence[Path],
    seed: int,
) -> float:
    """Train networks, and compare the energies of their LDOS with those of DFT.

    Parameters
    ----------
    settings
        Network and training.
    files
        Of the training and the validation snapshots.
    structures
        Of the validation snapshots.
    dft
        Their DFT runs.
    seed
        Of points, weights and batches.

    Returns
    -------
    float
        Mean absolute error of the total free energy over the validation snapshots and the
        initialisations, meV/atom; infinite if a training diverged or an LDOS has no energy.

    Raises
    ------
    DataError
        If stores do not fit together, or a DFT run does not tell the energy.
    """
    recipe = settings.training
    points = read_points(files.descriptors, files.ldos)
    validation = read_points(files.validation_descriptors, files.validation_ldos)
    scaled = scale(
        subset(points, recipe.points, derive_seed(seed, "points")),
        subset(validation, recipe.validation_points, derive_seed(seed, "validation points")),
        recipe.input_scaling,
        _OUTPUT,
    )
    stores = (structures, dft, files.validation_descriptors, files.validation_ldos)
    judged = [JudgedFiles(*one) for one in zip(*stores, strict=True)]
    errors = EnergyErrors((_QUANTITY,), judged, files.pseudopotentials, use_gpu=False)
    make = partial(
        new_training,
        scaled,
        Architecture((settings.width,) * settings.layers, settings.activation),
        recipe.model_dump(include=_RECIPE),
        maximum_epochs=recipe.epochs,
        use_gpu=False,
    )
    found: list[float] = []
    for number in range(recipe.seeds):
        own = derive_seed(seed, "initialisation", number)
        one = run_shortly(partial(make, seed=own), use_gpu=False)
        if one.failure:
            logger.warning("a network of this round diverged: %s", one.status)
            return math.inf
        model = TrainedModel(one.fit.model, points.axis, points.definition)
        try:
            found += errors.means(model, judged)
        except PhysicsError as error:
            logger.warning("the LDOS of a network of this round has no energy: %s", error)
            return math.inf
    logger.info("networks: %s meV/atom", ", ".join(f"{value:.3g}" for value in found))
    return float(np.mean(found))
