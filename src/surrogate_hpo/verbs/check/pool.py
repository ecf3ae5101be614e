"""The pool that rounds choose from, looked at before anything is computed."""

from surrogate_hpo.config.project import Config
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.formats.structures.structures import select_frames
from surrogate_hpo.run.rest import rest_structure


def _check_relaxed(config: Config, known: set[str]) -> None:
    """The structure that the rounds relax is there, and pw.x can compute it."""
    relaxation = config.rounds.relaxation
    if relaxation is None or relaxation.structure is None:
        return
    ((atoms, where),) = select_frames(relaxation.structure)
    if foreign := set(atoms.symbols) - known:
        raise ConfigError(
            "the structure that the rounds relax has elements without a pseudopotential",
            where=f"rounds.relaxation.structure: {where}",
            expected=", ".join(sorted(known)),
            got=", ".join(sorted(foreign)),
        )


def check_pool(config: Config) -> None:
    """Build the cells of generated candidates, and look for frames of known elements in files.

    Parameters
    ----------
    config
        The validated config.

    Raises
    ------
    ConfigError
        If a cell cannot be built, or fewer frames of files than a round chooses could be computed.
    DataError
        If a file is missing or unreadable.
    """
    if not config.rounds.number:
        return
    groups = [group for group in config.select.pool if group.number]
    for group in groups:
        rest_structure(next(config.snapshots.plans_of(group)))
    known = set(config.dft.pseudopotentials)
    _check_relaxed(config, known)
    sources = [source for group in config.select.pool for source in group.files or ()]
    frames = [frame for source in sources for frame, _ in select_frames(source, all_of_them=True)]
    foreign = {symbol for frame in frames for symbol in frame.symbols} - known
    usable = sum(set(frame.symbols) <= known for frame in frames)
    generated = sum(group.number or 0 for group in groups)
    if usable + generated < config.rounds.per_round:
        other = f", of other elements: {', '.join(sorted(foreign))}" if foreign else ""
        raise ConfigError(
            "the pool has fewer candidates than a round chooses",
            where="select.pool",
            expected=f"{config.rounds.per_round} or more (rounds.per_round) whose elements have a "
            f"pseudopotential: {', '.join(sorted(known))}",
            got=f"{usable + generated}, and {len(frames) - usable} without{other}",
            remedy="name more frames, or ask for fewer structures",
        )
