"""Columns of the tables of the potential stage, which its figures read, too."""

COLUMNS = (
    *("snapshot", "set", "class", "formula", "atoms"),
    "energy_error_mev_per_atom",
    "energy_spread_mev_per_atom",
    "baseline_error_mev_per_atom",
    "force_rmse_mev_per_angstrom",
    "rms_force_mev_per_angstrom",
    "force_spread_mev_per_angstrom",
    "stress_rmse_gpa",
)
FORCE_COLUMNS = (
    *("snapshot", "set", "atom", "element", "axis"),
    *("dft_ev_per_angstrom", "predicted_ev_per_angstrom", "spread_ev_per_angstrom"),
)
