"""What the reader of the report must know first."""

from collections.abc import Sequence

from surrogate_hpo.report.error_summary import QuantityError
from surrogate_hpo.report.errors import ClassError
from surrogate_hpo.report.page import Notice
from surrogate_hpo.report.table import format_number
from surrogate_hpo.stages.report.key_numbers import wide_gap
from surrogate_hpo.stages.report.records import Documents


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
    if wide := wide_gap(documents["dft"]):
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
