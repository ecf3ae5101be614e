"""The contest stage."""
