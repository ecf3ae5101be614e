"""The table stage."""
