"""The architectures that the naswot stage chooses from."""

from surrogate_hpo.networks.architecture import Architecture, search_space
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.naswot.settings import NaswotSettings


def scanned(settings: NaswotSettings, seed: int) -> list[Architecture]:
    """The architectures to choose from."""
    return search_space(
        settings.layers,
        settings.widths,
        settings.activations,
        equal_widths=settings.equal_widths,
        sample=settings.sample,
        seed=derive_seed(seed, "naswot", "sample"),
    )
