"""Structure files, as ASE reads them and as this package writes them."""
