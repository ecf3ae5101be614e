"""Key numbers per stage: how long it took, what it chose, what was found."""

from collections.abc import Mapping
from typing import Any

from surrogate_hpo.data.dft_results import result_from_document
from surrogate_hpo.report.table import Value
from surrogate_hpo.run.graph import GROWTH, STAGES
from surrogate_hpo.stages.report.records import Documents

# At a distance of 4 kT to both edges 2 % of a state are left to tell where it lies.
_WIDE_GAP_IN_KT = 8.0


def key_numbers(
    documents: Documents, cost: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, Value]]:
    """Collect the key numbers of every stage.

    Parameters
    ----------
    documents
        The choices and the errors.
    cost
        Cost per stage in seconds.

    Returns
    -------
    dict
        Stage to label (with unit) to value.
    """
    naswot, evaluated = documents["naswot"], documents["evaluate"]
    found: dict[str, dict[str, Value]] = {
        stage: {
            "jobs": total["jobs"],
            "wall time of all jobs (s)": total["wall_seconds"],
            "CPU time (s)": total["cpu_seconds"],
        }
        for stage, total in cost.items()
        if stage in (*STAGES, *GROWTH)
    }
    found["acsd"] |= {
        "chosen cutoff radius (Å)": documents["acsd"]["cutoff_radius_angstrom"],
        "chosen 2J_max": documents["acsd"]["twojmax"],
    }
    found["naswot"] |= {"chosen architecture": naswot["label"], "direction": naswot["direction"]}
    if "audit" in cost:
        found["naswot"]["audit of the score, CPU time (s)"] = cost["audit"]["cpu_seconds"]
    hyperparameters = documents["search"]["hyperparameters"]
    found["search"] |= {f"chosen {key}": value for key, value in hyperparameters.items()}
    found["evaluate"] |= {
        "held-out snapshots": evaluated["held_out_snapshots"],
        **_fermi_energy(documents),
    }
    if beyond := evaluated.get("transfer_snapshots"):
        found["evaluate"] |= {
            "of these beyond the run, whose LDOS is not known": beyond,
            "of these beyond the run, with forces": evaluated["transfer_snapshots_with_forces"],
        }
    found["evaluate"] |= _stress(evaluated)
    if control := evaluated["control"]:
        found["evaluate"] |= {
            "control, cutoff radius (Å)": control["cutoff_radius_angstrom"],
            "control, 2J_max": control["twojmax"],
            "control, fitted to": ", ".join(control["fitted_to"]).replace("_", " "),
            "control, leave-one-out error on training snapshots, RMSE (meV/atom)": control[
                "leave_one_out_rmse_mev_per_atom"
            ],
        }
    return found


def _stress(evaluated: Mapping[str, Any]) -> dict[str, Value]:
    """Error of the stress, or why it is not judged, where forces are."""
    if evaluated.get("forces") is None:
        return {}
    if stress := evaluated.get("stress"):
        return {
            "stress, RMSE (GPa)": stress["rmse_gigapascal"],
            "stress, RMSE without the shift of the pressure (GPa)": stress[
                "rmse_without_shift_gigapascal"
            ],
            "stress of DFT, deviation from its mean (GPa)": stress["std_stress_gigapascal"],
        }
    return {"stress": f"not judged: {evaluated['stress_left_out']}"}


def _fermi_energy(documents: Documents) -> dict[str, Value]:
    if wide := wide_gap(documents["dft"]):
        return {"Fermi energy": f"not unique, {wide}"}
    fermi = documents["evaluate"].get("fermi_energy") or {}
    return {
        "Fermi energy, mean absolute error (meV)": _known(fermi.get("mae_mev")),
        "Fermi energy, floor (meV)": _known(fermi.get("discretisation_error_mev")),
    }


def wide_gap(document: Mapping[str, Any]) -> str:
    """The gap of a DFT run in words where the Fermi energy may lie anywhere in it; else empty."""
    result = result_from_document(document, where="results/dft")
    in_kt = result.gap / result.smearing_width
    return f"gap of {result.gap:.2f} eV, {in_kt:.0f} kT" if in_kt > _WIDE_GAP_IN_KT else ""


def _known(value: float | None) -> Value:
    return "not known" if value is None else value
