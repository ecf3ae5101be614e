"""What a run has achieved, in a sentence, and whether its targets are met."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from surrogate_hpo.report.error_summary import BASELINES, QuantityError
from surrogate_hpo.report.errors import ClassError, ForceErrors
from surrogate_hpo.report.table import format_number

_MOST_CLASSES = 6


@dataclass(frozen=True)
class Targets:
    """What the run was asked to achieve for its headline quantity.

    Attributes
    ----------
    mae_mev_per_atom
        Largest mean absolute error, meV/atom.
    baseline_fraction
        Largest mean absolute error as a fraction of the baseline.
    floor_mev_per_atom
        Largest discretisation error, meV/atom.
    held_out_snapshots
        Smallest number of held-out snapshots.
    """

    mae_mev_per_atom: float
    baseline_fraction: float
    floor_mev_per_atom: float
    held_out_snapshots: int


@dataclass(frozen=True)
class Verdict:
    """One target against what was reached.

    Attributes
    ----------
    target
        The target in words.
    reached
        What was reached, with its unit.
    met
        Whether the target is met.
    remark
        Empty, or why the verdict is not clear-cut.
    """

    target: str
    reached: str
    met: bool
    remark: str = ""


def judge(error: QuantityError, targets: Targets, *, held_out_snapshots: int) -> list[Verdict]:
    """Compare the errors with the targets; a number that is not finite meets none.

    Parameters
    ----------
    error
        Errors of the headline quantity.
    targets
        What was asked for.
    held_out_snapshots
        Number of snapshots behind the errors.

    Returns
    -------
    list[Verdict]
        One verdict per target; none if there is no reference to judge by.
    """
    if not error.known:
        return []
    floor, baseline = error.discretisation_error_mev_per_atom, error.baseline_mev_per_atom
    fraction = targets.baseline_fraction * baseline
    unit = "meV/atom"
    return [
        _judge_mae(
            error,
            f"MAE at most {format_number(targets.mae_mev_per_atom)} {unit}",
            targets.mae_mev_per_atom,
        ),
        _judge_mae(
            error,
            f"MAE at most {format_number(100 * targets.baseline_fraction)} % of the baseline, "
            f"{format_number(fraction, 3)} {unit}",
            fraction,
        ),
        Verdict(
            f"floor at most {format_number(targets.floor_mev_per_atom)} {unit}",
            f"{format_number(floor, 3)} {unit}",
            floor <= targets.floor_mev_per_atom,
        ),
        Verdict(
            f"at least {targets.held_out_snapshots} held-out snapshots",
            str(held_out_snapshots),
            held_out_snapshots >= targets.held_out_snapshots,
        ),
    ]


def _judge_mae(error: QuantityError, target: str, limit: float) -> Verdict:
    mae, std = error.mae_mev_per_atom, error.std_over_seeds_mev_per_atom
    met = mae <= limit
    close = met != (mae + std <= limit) or met != (mae - std <= limit)
    remark = "within one standard deviation of the limit" if close and std > 0 else ""
    return Verdict(target, f"{error.text} meV/atom", met, remark)


def headline(
    error: QuantityError,
    *,
    held_out_snapshots: int,
    seeds: int,
    classes: Sequence[ClassError] = (),
    forces: ForceErrors | None = None,
) -> str:
    """Say in a few sentences how well the headline quantity is predicted, worst news first.

    Parameters
    ----------
    error
        Errors of the headline quantity.
    held_out_snapshots
        Number of snapshots behind the errors.
    seeds
        Number of trained networks behind the spread.
    classes
        The same errors per size and temperature.
    forces
        Errors of the forces; None if they are not known.

    Returns
    -------
    str
        The sentences, every number computed from the arguments.
    """
    if not error.known:
        return (
            f"How well the surrogate predicts the {error.label} of {held_out_snapshots} held-out "
            "snapshots is not known: the data hold no reference for it."
        )
    spread = (
        f"mean ± standard deviation over {seeds} seeds"
        if seeds > 1
        else "one seed, so its spread is unknown"
    )
    constant = BASELINES[error.baseline_of]
    floor = format_number(error.discretisation_error_mev_per_atom, 3)
    sentences = [
        _not_learnt(error),
        f"For the {error.label} of {held_out_snapshots} held-out snapshots the surrogate's error "
        f"is {_share(error)}: the mean of the networks has a mean absolute error of "
        f"{format_number(error.ensemble_mae_mev_per_atom, 3)} meV/atom, where predicting "
        f"the {constant} has {format_number(error.baseline_mev_per_atom, 3)} meV/atom (baseline).",
        f"Single networks have {error.text} meV/atom ({spread}), and the reference LDOS itself "
        f"{floor} meV/atom (floor).",
        _by_class(classes),
        _beside_control(error, classes),
        _beside_kpoint_noise(error, classes),
        forces.text if forces is not None else "",
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def has_learnt(error: QuantityError) -> bool:
    """Whether the mean prediction's error is at most half that of the baseline."""
    return error.ensemble_mae_mev_per_atom <= error.baseline_mev_per_atom / 2


def _not_learnt(error: QuantityError) -> str:
    if has_learnt(error) or error.baseline_mev_per_atom == 0:
        return ""
    text = f"The surrogate has not learnt the {error.label}: its error is "
    if not error.ensemble_mae_mev_per_atom < error.baseline_mev_per_atom:
        return f"{text}no better than the baseline, a constant."
    return f"{text}more than half of the baseline's, a constant."


def _share(error: QuantityError) -> str:
    correlation = (
        f"a correlation of {format_number(error.correlation, 3)} with DFT"
        if math.isfinite(error.correlation)
        else "a correlation with DFT that so few or equal energies do not tell"
    )
    if not math.isfinite(error.skill):
        return f"not comparable with the baseline's, at {correlation}"
    return f"{format_number(error.skill, 2)} of the baseline's, at {correlation}"


def _by_class(classes: Sequence[ClassError]) -> str:
    """The errors of the mean one by one, where several sizes or temperatures make the average."""
    if not 1 < len(classes) <= _MOST_CLASSES:
        return ""
    numbers = (
        f"{entry.label} {format_number(entry.error.ensemble_mae_mev_per_atom, 3)} (baseline "
        f"{format_number(entry.error.baseline_mev_per_atom, 3)})"
        for entry in classes
    )
    return f"One by one, in meV/atom: {'; '.join(numbers)}."


def _beside_control(error: QuantityError, classes: Sequence[ClassError]) -> str:
    """What a linear potential makes of the same labels, and what follows."""
    control = error.control_mae_mev_per_atom
    if not math.isfinite(control):
        return ""
    labels, without_forces = "alone", ""
    if error.control_has_forces:
        alone = format_number(error.control_energies_only_mae_mev_per_atom, 3)
        labels, without_forces = "and forces", f"; fitted to energies alone {alone} meV/atom"
    text = (
        f"A linear SNAP potential fitted to the training snapshots' {error.label} {labels} has "
        f"{format_number(control, 3)} meV/atom (control{without_forces})"
    )
    better = [
        entry.label
        for entry in classes
        if entry.error.ensemble_mae_mev_per_atom <= entry.error.control_mae_mev_per_atom
    ]
    if 0 < len(better) < len(classes):
        return f"{text}: the surrogate is more accurate for {'; '.join(better)}, and not elsewhere."
    if control < error.ensemble_mae_mev_per_atom:
        return (
            f"{text}: for the energy alone the surrogate is not worth its LDOS; what it gives "
            "beyond the potential are the LDOS, the density and each term of the energy."
        )
    return f"{text}: the surrogate is more accurate."


def _beside_kpoint_noise(error: QuantityError, classes: Sequence[ClassError]) -> str:
    """How far the labels are from converged k points: no error below that is accuracy."""
    noise = error.kpoint_noise_mev_per_atom
    if not math.isfinite(noise):
        return (
            "How far the labels themselves are from those of a denser mesh of k points (k noise) "
            f"is not known{_known_noise(classes)}."
        )
    text = (
        f"The labels themselves are {format_number(noise, 3)} meV/atom from those of a denser "
        "mesh of k points (k noise)"
    )
    if noise > error.ensemble_mae_mev_per_atom:
        return (
            f"{text}: more than the surrogate's error, which is agreement with these labels and "
            "not accuracy."
        )
    return f"{text}."


def _known_noise(classes: Sequence[ClassError]) -> str:
    """The classes whose k noise is known, where that of others is not."""
    numbers = [
        f"{entry.label} {format_number(entry.error.kpoint_noise_mev_per_atom, 3)}"
        for entry in classes
        if math.isfinite(entry.error.kpoint_noise_mev_per_atom)
    ]
    return f" for all of them; known, in meV/atom: {'; '.join(numbers)}" if numbers else ""


def summary(verdicts: list[Verdict]) -> str:
    """Count the targets that are met."""
    met = sum(verdict.met for verdict in verdicts)
    if met == len(verdicts):
        return f"All {met} targets are met."
    return f"{met} of {len(verdicts)} targets are met."
