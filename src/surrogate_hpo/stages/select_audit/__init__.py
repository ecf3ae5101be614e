"""The select_audit stage."""
