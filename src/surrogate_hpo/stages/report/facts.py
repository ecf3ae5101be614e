"""Key numbers per stage, and what the reader must know first."""

from collections.abc import Mapping, Sequence
from typing import Any

from surrogate_hpo.data.dft_results import result_from_document
from surrogate_hpo.report.error_summary import QuantityError
from surrogate_hpo.report.errors import ClassError
from surrogate_hpo.report.page import Notice
from surrogate_hpo.report.table import Value, format_number
from surrogate_hpo.run.graph import STAGES
from surrogate_hpo.stages.report.records import Documents

# At a distance of 4 kT to both edges 2 % of a state are left to tell where it lies.
_WIDE_GAP_IN_KT = 8.0


def facts(
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
        if stage in STAGES
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
            "stress of DFT, RMS (GPa)": stress["rms_stress_gigapascal"],
        }
    return {"stress": f"not judged: {evaluated['stress_left_out']}"}


def _fermi_energy(documents: Documents) -> dict[str, Value]:
    if wide := _wide_gap(documents["dft"]):
        return {"Fermi energy": f"not unique, {wide}"}
    fermi = documents["evaluate"].get("fermi_energy") or {}
    return {
        "Fermi energy, mean absolute error (meV)": _known(fermi.get("mae_mev")),
        "Fermi energy, floor (meV)": _known(fermi.get("discretisation_error_mev")),
    }


def _wide_gap(document: Mapping[str, Any]) -> str:
    """The gap of the DFT run in words where the Fermi energy may lie anywhere in it; else empty."""
    result = result_from_document(document, where="results/dft")
    in_kt = result.gap / result.smearing_width
    return f"gap of {result.gap:.2f} eV, {in_kt:.0f} kT" if in_kt > _WIDE_GAP_IN_KT else ""


def _known(value: float | None) -> Value:
    return "not known" if value is None else value


def notices(
    documents: Documents, errors: Sequence[QuantityError], classes: Sequence[ClassError] = ()
) -> list[Notice]:
    """Collect the warnings of the run.

    Parameters
    ----------
    documents
        The choices and the errors.
    errors
        Errors per quantity.
    classes
        Errors of the total free energy per size and temperature.

    Returns
    -------
    list of Notice
        In the order of the stages.
    """
    acsd = documents["acsd"]
    found = [Notice("naswot", message) for message in documents["naswot"]["warnings"]]
    if acsd["decision"]["ambiguous"]:
        close = ", ".join(
            f"{radius:g} Å / {twojmax}" for radius, twojmax in acsd["decision"]["close"]
        )
        text = (
            "The draws cannot safely tell these candidates (cutoff radius / 2J_max) apart: "
            f"{close}."
        )
        found.append(Notice("acsd", text))
    if wide := _wide_gap(documents["dft"]):
        text = (
            f"The Fermi energy is not unique ({wide}): it may lie anywhere in the gap, so that of "
            "DFT and those of the networks are not compared. The energies do not depend on it."
        )
        found.append(Notice("evaluate", text))
    unknown = [error.label for error in errors if not error.known]
    if unknown:
        text = f"The data hold no reference for: {', '.join(unknown)}. Their errors are not known."
        found.append(Notice("evaluate", text))
    if warned := documents["evaluate"].get("transfer_snapshots_with_warnings"):
        text = (
            f"Of {documents['evaluate']['transfer_snapshots']} structures beyond the run "
            f"{warned} leave what the networks were trained on; results/transfer/energies.json "
            "says how."
        )
        found.append(Notice("evaluate", text))
    if documents["evaluate"]["control"] is None:
        reason = documents["evaluate"]["control_reason"].rstrip(".")
        text = f"There is no control, a linear potential fitted to the same energies: {reason}."
        found.append(Notice("evaluate", text))
    if noisy := [_noisier(entry) for entry in classes if _is_noisier(entry.error)]:
        text = (
            "The k noise of the total free energy exceeds the surrogate's error, which is then no "
            f"measure of its accuracy: {'; '.join(noisy)}."
        )
        found.append(Notice("evaluate", text))
    return found


def mixed_engines(versions: Sequence[str]) -> list[Notice]:
    """Warn where one run has DFT of several versions.

    Parameters
    ----------
    versions
        Of Quantum ESPRESSO, each once.

    Returns
    -------
    list of Notice
        One or none.
    """
    if len(versions) < 2:
        return []
    text = (
        f"The DFT runs are of several versions of Quantum ESPRESSO ({', '.join(versions)}): "
        "energies of two versions need not be comparable to the meV/atom. results/dft/*.json say "
        "which is of which; deleted ones are made again with the present version."
    )
    return [Notice("dft", text)]


def _is_noisier(error: QuantityError) -> bool:
    return error.kpoint_noise_mev_per_atom > error.ensemble_mae_mev_per_atom


def _noisier(entry: ClassError) -> str:
    error = entry.error
    noise, mae = (
        format_number(value, 3)
        for value in (error.kpoint_noise_mev_per_atom, error.ensemble_mae_mev_per_atom)
    )
    return f"{entry.label}: {noise} against {mae} meV/atom"
