"""The potential stage."""
