"""The `knoise` section: with which denser mesh of k points the labels are compared."""

from pydantic import Field

from surrogate_hpo.config.base import Section


class KnoiseSettings(Section):
    """One snapshot of each size is computed again with a denser mesh; not part of the chain."""

    factor: float = Field(
        1.5,
        gt=1,
        le=10,
        description="the mesh of `dft` times this along each axis, rounded up, with its shift",
    )
