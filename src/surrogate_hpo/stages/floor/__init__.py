"""The floor stage."""
