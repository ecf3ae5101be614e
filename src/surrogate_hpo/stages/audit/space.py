"""The architectures of the audit."""

from surrogate_hpo.networks.architecture import Architecture, search_space
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.audit.settings import AuditSettings


def audited(settings: AuditSettings, seed: int) -> list[Architecture]:
    """The architectures that are audited, drawn from the space."""
    return search_space(
        settings.layers,
        settings.widths,
        settings.activations,
        equal_widths=settings.equal_widths,
        sample=settings.architectures,
        seed=derive_seed(seed, "audit", "architectures"),
    )
