"""The learning_curve stage."""
