"""Structures that move by predicted forces: relaxation, dynamics, and what is kept of them."""
