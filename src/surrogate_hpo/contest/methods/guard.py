"""An evaluation that cannot win by accident."""

import dataclasses
import math
import time
from collections.abc import Callable

from surrogate_hpo.contest.methods.interface import Evaluation
from surrogate_hpo.errors import PhysicsError


def guarded(evaluate: Callable[[], Evaluation], *, trainings: float) -> Evaluation:
    """Evaluate; turn a diverged training and a value that is not finite into a failure.

    Parameters
    ----------
    evaluate
        Makes the evaluation. Its `PhysicsError` is a failure; any other exception is not
        caught, for it says nothing about the point.
    trainings
        What it costs at most, in full trainings: what one that raises is charged.

    Returns
    -------
    Evaluation
        With a finite value, or of another state than ``complete`` and with its reason.
    """
    start = time.process_time()
    try:
        evaluation = evaluate()
    except PhysicsError as error:
        seconds = time.process_time() - start
        return Evaluation(math.nan, (), seconds, trainings, state="failed", reason=str(error))
    if evaluation.state == "complete" and not evaluation.usable:
        reason = f"the value is not finite: {evaluation.value}"
        return dataclasses.replace(evaluation, value=math.nan, state="failed", reason=reason)
    return evaluation
