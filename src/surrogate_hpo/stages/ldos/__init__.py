"""The ldos stage."""
