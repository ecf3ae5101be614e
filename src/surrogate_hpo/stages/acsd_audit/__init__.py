"""The acsd_audit stage."""
