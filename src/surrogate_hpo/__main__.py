"""`python -m surrogate_hpo` is the command `surrogate-hpo`."""

from surrogate_hpo.cli import main

main()
