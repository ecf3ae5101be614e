# Two commands do it all on a fresh machine: `make run` and `make test`.
# Everything is installed inside this checkout (.venv, .venv-qe); nothing outside is touched.
PYTHON ?= python3
CORES ?= $(shell nproc)
CONFIG ?= config/config.yaml

.DEFAULT_GOAL := help
.PHONY: help run compare compare-tiny flagship table test test-slurm fuzz bench-recipes bench-broadening bench-training bench-descriptors bench-acsd bench-naswot bench-search bench-table bench-predict bench-per-point bench-scale bench-forces bench-dynamics bench-elastic bench-atoms bench-potential bench-selection-data bench-select bench-barrier bench-cell-means bench-pulay bench-busy bench-start docs lint lint-types lint-style format environment quantum-espresso lock generated clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

run: environment quantum-espresso  ## set up what is missing, run the whole chain, write results/report/report.html
	.venv/bin/surrogate-hpo check $(CONFIG)
	.venv/bin/snakemake --profile profiles/default --cores $(CORES) --configfile $(CONFIG)
	@echo "open results/report/report.html"

compare: environment quantum-espresso  ## let all search methods compete on the data of $(CONFIG), write results/compare
	.venv/bin/surrogate-hpo check $(CONFIG)
	.venv/bin/snakemake compare --profile profiles/default --cores $(CORES) --configfile $(CONFIG)
	@cat results/compare/summary.json | .venv/bin/python -c 'import json, sys; print(*json.load(sys.stdin)["verdict"], sep="\n")'

compare-tiny: environment quantum-espresso  ## the same on the tiny case, in build/compare-tiny: minutes
	rm -rf build/compare-tiny && mkdir -p build/compare-tiny && cp -r pseudopotentials build/compare-tiny
	cd build/compare-tiny && ../../.venv/bin/surrogate-hpo check ../../config/tiny.yaml
	cd build/compare-tiny && ../../.venv/bin/snakemake compare --snakefile ../../Snakefile \
	    --profile ../../profiles/default --cores $(CORES) --configfile ../../config/tiny.yaml
	ls build/compare-tiny/results/compare build/compare-tiny/results/compare/figures

# Finished jobs stay: interrupted, it goes on when it is called again.
flagship: environment quantum-espresso  ## train on small cells, judge on large ones: two hours of CPU time, in results-flagship
	mkdir -p build/flagship/benchmarks
	cp -rp pseudopotentials build/flagship && cp -rp benchmarks/data build/flagship/benchmarks
	ln -sfn build/flagship/results results-flagship
	cd build/flagship && ../../.venv/bin/surrogate-hpo check ../../config/flagship.yaml
	cd build/flagship && ../../.venv/bin/snakemake --snakefile ../../Snakefile \
	    --profile ../../profiles/default --cores $(CORES) --configfile ../../config/flagship.yaml
	@.venv/bin/python tools/class_table.py results-flagship/evaluate/summary.json

# Of config/examples; fewer configurations are the first of more.
MATERIAL ?= magnesium
CONFIGURATIONS ?= 400
TABLE = build/table/$(MATERIAL)

table: environment quantum-espresso  ## the table of trained networks of $(MATERIAL), DFT included: an hour or two, in build/table
	mkdir -p $(TABLE)/config
	cp -rp pseudopotentials $(TABLE) && cp -rp config/examples $(TABLE)/config
	@printf 'table: {configurations: %s}\n' $(CONFIGURATIONS) > $(TABLE)/size.yaml
	cd $(TABLE) && ../../../.venv/bin/snakemake table --snakefile ../../../Snakefile \
	    --profile ../../../profiles/default --cores $(CORES) \
	    --configfile config/examples/$(MATERIAL).yaml size.yaml

test: .venv/dev-installed quantum-espresso  ## all tests, with real Quantum ESPRESSO, two at a time
	.venv/bin/python -m pytest --numprocesses 2 --dist worksteal

# How many damages of each form of file; another seed makes others.
FUZZ ?= --mutations 2000 --seed 1

fuzz: .venv/dev-installed  ## damage files of every form, print what their readers say; fails on tracebacks, hangs, GiBs
	PYTHONPATH=tests .venv/bin/python tests/fuzz/fuzz_run.py $(FUZZ)

# Which of them: files, or single tests.
SLURM_TESTS ?= tests/slurm

test-slurm: .venv/dev-installed quantum-espresso  ## the workflow on a Slurm of its own, with faults; needs root and Debian or Ubuntu
	@.venv/bin/python tools/slurm_lab.py install || echo "test-slurm: the packages could not be installed"
	@if .venv/bin/python tools/slurm_lab.py possible; then \
	    .venv/bin/python -m pytest -m slurm --durations=0 $(SLURM_TESTS); \
	else echo "test-slurm: SKIPPED, nothing was tested; the reason stands above"; fi

bench-recipes: environment  ## error against the recipe of the training; needs a finished `make run`
	.venv/bin/python benchmarks/recipes.py

bench-broadening: environment  ## what a wide kernel costs in energies; needs a finished `make run`
	.venv/bin/python benchmarks/broadening.py

bench-training: environment  ## one epoch of training beside MALA (installed in .venv-mala)
	.venv/bin/python benchmarks/training.py

bench-descriptors: .venv/dev-installed  ## SNAP engines against LAMMPS: µs per point, threads, atoms
	.venv/bin/python benchmarks/descriptors.py

bench-naswot: environment  ## scores of architectures beside MALA (installed in .venv-mala)
	.venv/bin/python benchmarks/naswot.py

bench-search: environment  ## search methods replayed on tables of trained networks: regret against compute
	.venv/bin/python benchmarks/search.py

bench-table: CONFIGURATIONS = 10
bench-table: table  ## the first 20 rows of the shipped table of $(MATERIAL), made again and compared: half an hour
	.venv/bin/python benchmarks/table.py $(MATERIAL) $(TABLE)/results/table/table.csv

bench-acsd: environment  ## cost and stability of the descriptor choice; needs a finished `make run`
	.venv/bin/python benchmarks/acsd.py

bench-predict: environment  ## cost per atom and memory of predictions, 32 to 2 048 atoms; needs a finished `make run`
	.venv/bin/python benchmarks/predict.py

# Sizes and what else benchmarks/scale.py takes: SCALE="other/surrogate.pt --atoms 256 2048".
SCALE ?=

bench-scale: environment  ## cost per atom and memory from 256 to 16 384 atoms, against LAMMPS and pw.x; needs a finished `make run`
	.venv/bin/python benchmarks/scale.py $(SCALE)

# Another surrogate, and how the student is made: DISTILLATION="other/surrogate.pt --hidden 128 128".
DISTILLATION ?=

bench-distillation: environment  ## one network in the place of an ensemble: time and energy; needs a finished `make run`
	.venv/bin/python benchmarks/distillation.py $(DISTILLATION)

bench-per-point: environment  ## µs per point of descriptors, networks and integrals, before and after; needs a finished `make run`
	.venv/bin/python benchmarks/per_point.py

# Finished runs elsewhere: FORCES="--tutorial other/results --flagship other/results-flagship".
FORCES ?=

bench-forces: environment  ## forces: finite differences, cost to 864 atoms, agreement with DFT; needs finished `make run`, `make flagship`
	.venv/bin/python benchmarks/forces.py $(FORCES)

# More steps continue it; finished runs elsewhere as for bench-forces.
DYNAMICS ?= --steps 150

bench-dynamics: environment  ## relaxation and 32-atom dynamics beside EMT's; half an hour or more; needs finished `make run`, `make flagship`
	.venv/bin/python benchmarks/dynamics.py $(DYNAMICS)

# Finished runs elsewhere as for bench-forces.
bench-elastic: environment quantum-espresso  ## E(V), bulk modulus, elastic constants of Al beside pw.x; needs finished `make run`, `make flagship`
	.venv/bin/python benchmarks/elastic.py $(ELASTIC)

# Finished runs elsewhere as for bench-forces; see benchmarks/potential.py.
POTENTIAL ?=

bench-potential: .venv/dev-installed  ## the flagship's potential: errors, cost, LAMMPS; needs `snakemake potential` there
	.venv/bin/python benchmarks/potential.py $(POTENTIAL)

# A potential whose training teaches little of repulsion, to see what its prior is for.
PRIOR = build/prior-tiny

$(PRIOR)/results/potential/potential.json:
	mkdir -p $(PRIOR) && cp -rp pseudopotentials $(PRIOR)
	@printf 'potential: {cutoff_radii_angstrom: [4.0], twojmax: [4]}\n' > $(PRIOR)/potential.yaml
	cd $(PRIOR) && ../../.venv/bin/snakemake potential --snakefile ../../Snakefile \
	    --profile ../../profiles/default --cores $(CORES) \
	    --configfile ../../config/tiny.yaml potential.yaml

# Interrupted, it goes on when it is called again.
bench-selection-data: environment quantum-espresso  ## the structures that `make bench-select` replays, computed again with pw.x: an hour
	.venv/bin/python benchmarks/select_data.py tutorial
	.venv/bin/python benchmarks/select_data.py flagship

# Without pw.x: SELECT="--parts audit cost spreads".
SELECT ?=

bench-select: environment quantum-espresso  ## rules that choose the next DFT runs against random choices; a relaxation in rounds
	.venv/bin/python benchmarks/selection.py $(SELECT)

bench-pulay: environment quantum-espresso  ## pressure of pw.x by its stress and by its energies, a quarter of an hour; needs a finished `make flagship`
	.venv/bin/python benchmarks/pulay.py

bench-cell-means: environment  ## what moves the Fermi energy from cell to cell; needs a finished `make flagship`
	.venv/bin/python benchmarks/cell_means.py

# Without pw.x, which takes a quarter of an hour: BARRIER=--emt.
BARRIER ?=

bench-barrier: environment quantum-espresso  ## a vacancy's hop by potentials that are taught in rounds, against pw.x at every step
	.venv/bin/python benchmarks/selection_barrier.py $(BARRIER)

# Both models of the flagship's atoms are made first, where they are not there; the flagship itself takes an hour or more.
bench-atoms: .venv/dev-installed flagship $(PRIOR)/results/potential/potential.json  ## models of atoms beside the LDOS: errors, training, inference; potential, LAMMPS, hyperparameters, priors; runs `make flagship` first if need be, an hour or more
	cd build/flagship && ../../.venv/bin/snakemake ados_figure potential_figure --snakefile ../../Snakefile \
	    --profile ../../profiles/default --cores $(CORES) --configfile ../../config/flagship.yaml
	.venv/bin/python benchmarks/atoms.py
	.venv/bin/python benchmarks/potential.py $(POTENTIAL)
	.venv/bin/python benchmarks/atom_hyperparameters.py
	.venv/bin/python benchmarks/prior.py tiny=$(PRIOR)/results/potential/potential.json \
	    flagship=results-flagship/potential/potential.json --figure benchmarks/out/potential_prior.svg

bench-busy: environment  ## search and training on a machine whose cores are taken
	.venv/bin/python benchmarks/busy.py

# Which commits, and how many snapshots: START="--before 16e7bd2 --snapshots 40".
START ?=

bench-start: environment quantum-espresso  ## CPU time beside pw.x and training, of two commits in one go
	.venv/bin/python benchmarks/start.py $(START)

docs: .venv-docs/installed  ## the documentation as a site in build/site; a dead link is an error
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict
	@echo "open build/site/index.html"

# Two halves that take about as long: make --jobs 2 lint.
lint: lint-types lint-style  ## ruff, mypy, pydoclint, snakefmt, snakemake --lint

lint-types: .venv/dev-installed
	.venv/bin/mypy

lint-style: .venv/dev-installed
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pydoclint src
	.venv/bin/snakefmt --check Snakefile workflow
	.venv/bin/snakemake --lint

format: .venv/dev-installed  ## reformat Python and Snakemake files
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .
	.venv/bin/snakefmt Snakefile workflow

environment: .venv/installed  ## the main environment, from the lock

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 11) <= v <= (3, 12) and f"Python 3.11 or 3.12 needed, {v[0]}.{v[1]} found; say which: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --requirement requirements.lock
	.venv/bin/python -m pip install --quiet --no-deps --editable .
	@touch $@

.venv/dev-installed: requirements-dev.lock .venv/installed
	.venv/bin/python -m pip install --quiet --requirement requirements-dev.lock
	@touch $@

# Docstrings are read from the source, so the site needs nothing of the package's environment.
.venv-docs/installed: requirements-docs.lock
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --requirement requirements-docs.lock
	@touch $@

# The wheel pins numpy < 2, so it lives in an environment of its own.
quantum-espresso: environment  ## Quantum ESPRESSO as a wheel, where no pw.x is configured or on PATH
	@.venv/bin/python tools/needs_qe_wheel.py $(CONFIG) || $(MAKE) --no-print-directory .venv-qe/installed

.venv-qe/installed:
	$(PYTHON) -m venv .venv-qe
	.venv-qe/bin/python -m pip install --quiet qepy==7.2.0
	@touch $@

lock:  ## pin the newest versions that pyproject.toml allows
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet torch==2.13.0
	build/lock/bin/pip install --quiet '.[slurm]'
	build/lock/bin/pip freeze --exclude surrogate-hpo | sed 's/+cpu$$//' > requirements.lock
	build/lock/bin/pip install --quiet '.[dev]'
	build/lock/bin/pip freeze --exclude surrogate-hpo | sed 's/+cpu$$//' \
	    | grep -vxFf requirements.lock > requirements-dev.lock
	rm -rf build/lock-docs && $(PYTHON) -m venv build/lock-docs
	build/lock-docs/bin/python -m pip install --quiet 'pip>=25.1'
	build/lock-docs/bin/pip install --quiet --group docs
	build/lock-docs/bin/pip freeze > requirements-docs.lock
	$(MAKE) generated

generated: environment  ## files that follow from others: environments, config reference, DAG picture, potentials
	.venv/bin/python tools/generate.py

clean:  ## remove results and logs, keep the environments
	rm -rf results results-flagship logs .snakemake build
