"""Errors that tell a user what is wrong, where, what was expected, and what to do."""

# Of a file that may be a result, or one that was named by mistake: nobody should delete his own.
REMAKE = "a result of the workflow: delete it and run that again; any other: name the right file"


class SurrogateHpoError(Exception):
    """Base of all errors that a user can cause and mend.

    Parameters
    ----------
    what
        One sentence: what is wrong.
    where
        File, key or index that holds the fault.
    expected
        What was expected, with its unit or shape.
    got
        What was found instead, with its unit or shape.
    remedy
        What the user can do about it.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        got: str | None = None,
        remedy: str | None = None,
    ) -> None:
        parts = {"where": where, "expected": expected, "got": got, "remedy": remedy}
        lines = [what, *(f"  {name}: {text}" for name, text in parts.items() if text is not None)]
        super().__init__("\n".join(lines))

    @property
    def kind(self) -> str:
        """What stands before its message."""
        return type(self).__name__


class ConfigError(SurrogateHpoError):
    """The configuration asks for something that does not exist or makes no sense."""


class DataError(SurrogateHpoError):
    """A file is missing, damaged, or does not fit the others."""


class PhysicsError(SurrogateHpoError):
    """The numbers contradict physics: electrons are missing, a window is too small."""


class EngineError(SurrogateHpoError):
    """An external program (Quantum ESPRESSO, LAMMPS) is missing or has failed."""


class CalculationError(EngineError):
    """A calculation began, and by the program's own words does not work for this structure."""

    @property
    def kind(self) -> str:
        """What stands before its message: to users it is no other kind of fault."""
        return EngineError.__name__


class InterruptedRun(SurrogateHpoError):  # noqa: N818 - not a fault, and run again it goes on
    """The run was asked to stop and did; run again, it goes on from what it had saved.

    Parameters
    ----------
    reason
        Who asked: a signal, or the end of the allocation.
    saved
        What the next run goes on from; the finished files alone if left out.
    """

    def __init__(self, reason: str, *, saved: str | None = None) -> None:
        where = "the last finished file" if saved is None else saved
        super().__init__(f"stopped by {reason}; run it again, it goes on from {where}")
