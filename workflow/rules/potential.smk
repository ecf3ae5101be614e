rule potential:
    input:
        CONFIG.potential.own_files,
        CONFIG.transfer.files,
        structures=of("results/snapshots/{snapshot}.extxyz", *POTENTIAL_TRAINING),
        dft=of("results/dft/{snapshot}.json", *POTENTIAL_TRAINING),
        test_structures=of("results/snapshots/{snapshot}.extxyz", *POTENTIAL_TEST),
        test_dft=of("results/dft/{snapshot}.json", *POTENTIAL_TEST),
        atoms=POTENTIAL_ATOMS,
    output:
        potential="results/potential/potential.json",
        table="results/potential/potential.csv",
        forces="results/potential/forces.csv",
        summary="results/potential/summary.json",
        lammps_coefficients="results/potential/lammps/potential.snapcoeff",
        lammps_parameters="results/potential/lammps/potential.snapparam",
        lammps_commands="results/potential/lammps/potential.in",
        cost="results/cost/potential/all.json",
    log:
        "logs/potential.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("potential"),
        runtime=minutes("potential"),
    params:
        **job("potential"),
        own=contents(CONFIG.potential.own_files, CONFIG.transfer.files),
        # Which of their frames are judged is a setting of another section.
        beyond=CONFIG.transfer.structures,
    message:
        asking("an interatomic potential from the same energies and forces")
    shell:
        "surrogate-hpo potential --config {params.config:q} {params.files}"
        " --cost {output.cost:q} 2> {log:q}"


rule potential_figure:
    input:
        table="results/potential/potential.csv",
        forces="results/potential/forces.csv",
    output:
        figures=report(
            directory("results/potential/figures"),
            patterns=["{name}.svg"],
            caption="../report/potential.rst",
            category="6. Audits",
            labels={"audit of": "{name}"},
        ),
        cost="results/cost/potential/figure.json",
    log:
        "logs/potential/figure.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("potential_figure"),
        runtime=minutes("potential_figure"),
    params:
        **job("potential_figure"),
    message:
        asking("figures of potential")
    shell:
        "surrogate-hpo potential_figure --config {params.config:q}"
        " {params.files} --cost {output.cost:q} 2> {log:q}"
