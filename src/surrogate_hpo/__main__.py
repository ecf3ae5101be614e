"""`python -m surrogate_hpo` is the command `surrogate-hpo`."""

from surrogate_hpo.cli import main

# The processes of a parallel training import this module under another name.
if __name__ == "__main__":
    main()
