"""Methods of hyperparameter search, to be set side by side; the chain imports nothing of it."""
