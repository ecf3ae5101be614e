"""The environment of a serial program that runs inside a parallel job."""

from collections.abc import Mapping

# By these an MPI library takes itself for a rank of the surrounding job; its MPI_Init aborts
# when it finds another launcher's.
_RANK_VARIABLES = ("PMI_", "PMIX_", "OMPI_", "MPI_", "SLURM_", "HYDRA_", "I_MPI_")


def serial_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables without those of launchers of parallel jobs."""
    return {name: value for name, value in base.items() if not name.startswith(_RANK_VARIABLES)}
