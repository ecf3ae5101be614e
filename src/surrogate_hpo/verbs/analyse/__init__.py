"""Look at what was predicted of a large cell."""
