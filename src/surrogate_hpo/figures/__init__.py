"""Figures: one function makes the data, another draws it."""
