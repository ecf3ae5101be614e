"""NASWOT and its rivals: scores of networks."""
