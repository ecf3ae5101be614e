"""Logging: one line per message, to standard error, where Snakemake's log files pick it up."""

import logging
import sys
import time

LOGGER_NAME = "surrogate_hpo"


def configure_logging() -> None:
    """Send the package's messages to standard error with time and level."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger(LOGGER_NAME)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    logging.getLogger("py.warnings").handlers[:] = [handler]


class Progress:
    """Tells now and then how far a long loop is, how fast, and how long it will take.

    Parameters
    ----------
    logger
        Where to tell.
    total
        Number of items of the loop.
    unit
        What the items are called.
    interval
        Seconds between messages, at least.
    """

    def __init__(
        self, logger: logging.Logger, total: int, *, unit: str, interval: float = 10.0
    ) -> None:
        self.total = total
        self._logger, self._unit, self._interval = logger, unit, interval
        self._done = 0
        self._begin = self._told = time.monotonic()

    def advance(self, count: int) -> None:
        """Count finished items; tell if it is time."""
        self._done += count
        now = time.monotonic()
        if now - self._told >= self._interval and self._done < self.total:
            self._told = now
            rate = self._done / (now - self._begin)
            self._logger.info(
                "%.0f %% of %d %s, %s %s/s, %s left",
                100 * self._done / self.total,
                self.total,
                self._unit,
                _rounded(rate),
                self._unit,
                _duration((self.total - self._done) / rate),
            )

    def finish(self) -> None:
        """Tell the total and the mean rate."""
        seconds = time.monotonic() - self._begin
        self._logger.info(
            "%d %s in %s, %s %s/s",
            self._done,
            self._unit,
            _duration(seconds),
            _rounded(self._done / max(seconds, 1e-9)),
            self._unit,
        )


def _rounded(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
