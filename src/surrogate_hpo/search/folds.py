"""Folds: which snapshots a training of a trial leaves out and is judged by."""

from surrogate_hpo.errors import ConfigError


def left_out(snapshots: int, folds: int) -> list[list[int]]:
    """Deal snapshots to folds in turn, so that what stands together in the list is spread.

    Parameters
    ----------
    snapshots
        How many there are.
    folds
        How many to deal them to.

    Returns
    -------
    list of list of int
        Numbers of the snapshots of each fold: each snapshot in one fold, and folds that differ
        by one snapshot at most.

    Raises
    ------
    ConfigError
        If a fold would leave nothing out, or nothing would be left to train on.
    """
    if not 2 <= folds <= snapshots:
        raise ConfigError(
            "The snapshots cannot be dealt to so many folds.",
            where="search.folds",
            expected=f"2 to {snapshots}, the number of snapshots",
            got=str(folds),
            remedy="ask for fewer folds, or give more snapshots",
        )
    return [list(range(fold, snapshots, folds)) for fold in range(folds)]
