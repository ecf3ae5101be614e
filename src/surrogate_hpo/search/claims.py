"""Who runs which trial: claims that beat, and that others take over when they fall silent.

A claim is an attribute of the trial, so it lives where the trial lives and needs no clock that
machines share. Attributes keep the order in which they were set, the same for all readers;
a claim says which one it follows, and of several that follow the same one the first counts.
So of all who reach for a trial exactly one gets it.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from surrogate_hpo.errors import ConfigError

logger = logging.getLogger(__name__)
_PREFIX = "claim "


class ClaimLostError(Exception):
    """Another worker has taken the trial over: what this one finds will not count."""


@dataclass(frozen=True)
class Sharing:
    """How the workers of a study share it.

    Attributes
    ----------
    workers
        Number of workers; it decides the numbers, see `run_study`.
    worker
        Number of this worker. A worker started again goes on with the trial it left.
    grace_seconds
        A trial whose worker has given no sign of life for so long is taken over; a living one
        gives six in that time.
    poll_seconds
        Time between two looks at the study while there is nothing to do.
    pause
        Sleeps for so many seconds; it may raise to end the worker.

    Raises
    ------
    ConfigError
        Numbers that make no sense.
    """

    workers: int = 1
    worker: int = 0
    grace_seconds: float = 120.0
    poll_seconds: float = 2.0
    pause: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        times = min(self.grace_seconds, self.poll_seconds)
        if self.workers < 1 or self.worker < 0 or times <= 0:
            raise ConfigError(
                "The settings of a shared search make no sense.",
                expected="one worker or more, numbered from 0, and positive times",
                got=f"worker {self.worker} of {self.workers}, {self.grace_seconds} s of grace, "
                f"a look every {self.poll_seconds} s",
            )


@dataclass(frozen=True)
class Claim:
    """One worker's hold on a trial.

    Attributes
    ----------
    token
        Name of the claim.
    worker
        Number of the worker.
    after
        Token of the claim that this one follows; empty for the first.
    beat
        Counts signs of life.
    released
        Whether the worker has given the trial back unfinished.
    """

    token: str
    worker: int
    after: str
    beat: int = 0
    released: bool = False

    def record(self) -> dict[str, Any]:
        """Return the value of the attribute; the token is its key."""
        return {key: value for key, value in asdict(self).items() if key != "token"}


def holder(trial: FrozenTrial) -> Claim | None:
    """Return the claim that counts, or None if nobody ever claimed the trial."""
    current: Claim | None = None
    for claim in _claims(trial):
        if claim.after == (current.token if current else ""):
            current = claim
    return current


class Claims:
    """The claims of one worker in one study.

    Parameters
    ----------
    storage
        The study's, one that keeps the order of attributes: a journal, or memory.
    study_id
        The study's number there.
    sharing
        Which worker this is, and its times.
    """

    def __init__(self, storage: BaseStorage, study_id: int, sharing: Sharing) -> None:
        self._storage = storage
        self._study_id = study_id
        self._sharing = sharing
        self._last_news: dict[str, tuple[int, float]] = {}
        # Claims of this number in a former life. Later ones are those of a second process with
        # the same number: each would else take the trials of the other as its own.
        trials = storage.get_all_trials(study_id, deepcopy=False)
        found = (claim for trial in trials for claim in _claims(trial))
        self._former = {claim.token for claim in found if claim.worker == sharing.worker}

    def free(self, trial: FrozenTrial) -> bool:
        """Whether an unfinished trial is nobody's, or was left by who had it."""
        claim = holder(trial)
        if claim is None or claim.released or claim.token in self._former:
            return True
        beat, since = self._last_news.get(claim.token, (-1, 0.0))
        now = time.monotonic()
        if claim.beat != beat:
            self._last_news[claim.token] = (claim.beat, now)
            return False
        return now - since > self._sharing.grace_seconds

    def take(self, number: int, before: Claim | None) -> Claim | None:
        """Claim a trial after the claim that it was found free under; None if another did."""
        claim = Claim(uuid.uuid4().hex[:12], self._sharing.worker, before.token if before else "")
        try:
            self._write(number, claim)
        except UpdateFinishedTrialError:
            return None
        if not self.held(number, claim):
            return None
        if before:
            logger.info("trial %d: taken over from worker %d", number, before.worker)
        return claim

    def held(self, number: int, claim: Claim) -> bool:
        """Whether the claim still counts."""
        current = holder(self._trial(number))
        return current is not None and current.token == claim.token

    @contextmanager
    def beating(self, number: int, claim: Claim) -> Iterator[None]:
        """Give signs of life until the block ends; the trial is given back if it raises."""
        stop = threading.Event()
        thread = threading.Thread(target=self._beat, args=(number, claim, stop), daemon=True)
        thread.start()
        try:
            yield
        except BaseException:
            _end(thread, stop)
            self._sign(number, replace(claim, released=True))
            raise
        finally:
            _end(thread, stop)

    def _beat(self, number: int, claim: Claim, stop: threading.Event) -> None:
        beat = 0
        while not stop.wait(self._sharing.grace_seconds / 6):
            beat += 1
            self._sign(number, replace(claim, beat=beat))

    def _sign(self, number: int, claim: Claim) -> None:
        try:
            self._write(number, claim)
        except UpdateFinishedTrialError:
            pass  # another worker finished the trial
        except (OSError, RuntimeError) as error:
            # A file system that fails now and then must not end the heartbeat.
            logger.warning("no sign of life for trial %d: %s", number, error)

    def _write(self, number: int, claim: Claim) -> None:
        self._storage.set_trial_user_attr(self._id(number), _PREFIX + claim.token, claim.record())

    def _trial(self, number: int) -> FrozenTrial:
        return self._storage.get_trial(self._id(number))

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)


def _claims(trial: FrozenTrial) -> Iterator[Claim]:
    for key, record in trial.user_attrs.items():
        if key.startswith(_PREFIX):
            yield Claim(token=key.removeprefix(_PREFIX), **record)


def _end(thread: threading.Thread, stop: threading.Event) -> None:
    stop.set()
    thread.join()
