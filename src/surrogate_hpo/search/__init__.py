"""The reduced Optuna study of the optimisation hyperparameters."""
