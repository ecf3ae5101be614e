"""Memory and time of jobs."""
