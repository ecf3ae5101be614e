"""Structures that move by predicted forces: relaxation, molecular dynamics, and what is kept of them."""
