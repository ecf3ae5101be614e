"""How well forces are predicted, for the headline."""

from dataclasses import dataclass

from surrogate_hpo.report.table import format_number


@dataclass(frozen=True)
class ForceErrors:
    """Errors of the forces of the held-out snapshots, mean over the networks.

    Attributes
    ----------
    rmse_mev_per_angstrom
        Root mean square error of a component, meV/Å.
    rms_force_mev_per_angstrom
        Root mean square of a component from DFT, meV/Å.
    correlation
        With DFT; None where forces do not vary.
    spread_mev_per_angstrom
        Root mean square of the standard deviation over the networks, meV/Å; None of one network.
    within_spread
        Share of the components whose error is below their spread; None of one network.
    """

    rmse_mev_per_angstrom: float
    rms_force_mev_per_angstrom: float
    correlation: float | None
    spread_mev_per_angstrom: float | None
    within_spread: float | None

    @property
    def text(self) -> str:
        """A sentence or two."""
        rmse, size = (
            format_number(value, 3)
            for value in (self.rmse_mev_per_angstrom, self.rms_force_mev_per_angstrom)
        )
        text = f"Forces: RMSE {rmse} meV/Å at an RMS force of {size} meV/Å"
        if self.correlation is not None:
            text += f", correlation {format_number(self.correlation, 4)}"
        if self.spread_mev_per_angstrom is None or self.within_spread is None:
            return f"{text}."
        return (
            f"{text}; the networks' spread is {format_number(self.spread_mev_per_angstrom, 3)} "
            f"meV/Å, and {100 * self.within_spread:.0f} % of the components are within theirs."
        )
