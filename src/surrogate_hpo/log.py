"""Logging: one line per message, to standard error, where Snakemake's log files pick it up."""

import logging
import sys

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
