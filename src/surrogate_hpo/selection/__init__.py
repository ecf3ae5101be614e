"""Training-free choices: ACSD for descriptors, NASWOT for architectures."""
