import logging

import pytest

from surrogate_hpo import log
from surrogate_hpo.log import Progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [100.0]
    monkeypatch.setattr(log.time, "monotonic", lambda: now[0])
    return now


def test_progress_tells_share_rate_and_time_left(clock, caplog):
    logger = logging.getLogger("test")
    with caplog.at_level(logging.INFO, "test"):
        progress = Progress(logger, 1_000_000, unit="points")
        clock[0] += 4
        progress.advance(100_000)  # too early to tell
        clock[0] += 6
        progress.advance(150_000)
        clock[0] += 4000
        progress.advance(749_990)
        progress.advance(10)
        progress.finish()
    assert caplog.messages == [
        "25 % of 1000000 points, 25,000 points/s, 30.0 s left",
        "100 % of 1000000 points, 249 points/s, 0.0 s left",
        "1000000 points in 1 h 6 min, 249 points/s",
    ]


def test_nothing_to_do_is_no_error(clock, caplog):
    with caplog.at_level(logging.INFO, "test"):
        Progress(logging.getLogger("test"), 0, unit="points").finish()
    assert caplog.messages == ["0 points in 0.0 s, 0 points/s"]
