"""Groups of candidates: as those of snapshots, or the images of a band between two structures."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from surrogate_hpo.config.base import FileName, PositiveFloat, PositiveInt, Section
from surrogate_hpo.dft.options import Interpolation
from surrogate_hpo.stages.snapshots.settings_groups import GroupSettings

_Images = Annotated[int, Field(gt=0, le=1000)]


class NebSettings(Section):
    """Images of a nudged elastic band: the way from one structure to another."""

    ends: list[FileName] = Field(
        min_length=2,
        max_length=2,
        description="files of both structures, `file` or `file@index`: the same atoms in the same "
        "order and cell",
    )
    images: _Images = Field(5, description="between the ends; these are candidates as well")
    interpolation: Interpolation = Field(
        "idpp", description="`linear`, or `idpp`, which keeps atoms apart on the way"
    )
    model: FileName | None = Field(
        None,
        description="file of a potential (`potential.json`) or a surrogate that pulls the band "
        "tight, with a climbing image; null leaves it as it is interpolated",
    )
    force_threshold_ev_per_angstrom: PositiveFloat = Field(
        0.05, description="largest force of the band at the end"
    )
    steps: PositiveInt = Field(100, description="at most")

    @property
    def candidates(self) -> int:
        """Images with both ends."""
        return self.images + 2


class PoolGroupSettings(GroupSettings):
    """Candidates of one kind."""

    neb: NebSettings | None = Field(
        None, description="images of a band between two structures instead"
    )

    def problems(self) -> Iterator[str]:
        """What does not fit together; a band is neither generated nor read."""
        if self.neb is None:
            yield from super().problems()
            return
        others = [name for name, value in self if name != "neb" and value is not None]
        if others:
            yield f"the images of `neb` are those of its ends: leave out {', '.join(others)}"
