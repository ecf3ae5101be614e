"""Quantum ESPRESSO: its programs, its input, its XML file and its wavefunctions."""
