"""The acsd stage."""
