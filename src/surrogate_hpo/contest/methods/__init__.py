"""Methods of hyperparameter search behind one interface."""
