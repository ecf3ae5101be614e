"""The nouns of a run, each with the store that it lives in."""
