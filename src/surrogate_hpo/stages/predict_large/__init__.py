"""The predict_large stage."""
