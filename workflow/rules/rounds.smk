rule rounds:
    input:
        choices=expand(
            "results/rounds/{round}/choice.json", round=CONFIG.rounds.numbers()
        ),
        structures=of("results/snapshots/{snapshot}.extxyz", "training"),
        dft=of("results/dft/{snapshot}.json", "training"),
        validation_structures=of("results/snapshots/{snapshot}.extxyz", "validation"),
        validation_dft=of("results/dft/{snapshot}.json", "validation"),
        tried=expand("results/dft/{snapshot}.json", snapshot=ROUND_SNAPSHOTS),
        costs=expand("results/cost/dft/{snapshot}.json", snapshot=ROUND_SNAPSHOTS),
        ldos=of("results/ldos/{snapshot}.zarr.zip", *ROUND_LEARNT),
        descriptors=of("results/descriptors/{snapshot}.zarr.zip", *ROUND_LEARNT),
        validation_ldos=of("results/ldos/{snapshot}.zarr.zip", *ROUND_JUDGED),
        validation_descriptors=of(
            "results/descriptors/{snapshot}.zarr.zip", *ROUND_JUDGED
        ),
        pseudopotentials=UPF_FILES if ROUND_LEARNT else [],
    output:
        table=report(
            "results/rounds/rounds.csv",
            caption="../report/rounds.rst",
            category="5. Choices",
            labels={"scores of": "rounds"},
        ),
        summary="results/rounds/summary.json",
        cost="results/cost/rounds/all.json",
    log:
        "logs/rounds.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("rounds"),
        runtime=minutes("rounds"),
    params:
        **job("rounds"),
    message:
        asking("what became of the rounds")
    shell:
        "surrogate-hpo rounds --config {params.config:q} {params.files}"
        " --cost {output.cost:q} 2> {log:q}"


rule rounds_choice:
    input:
        POOL_FILES,
        structures=known("results/snapshots/{snapshot}.extxyz", "training"),
        dft=known("results/dft/{snapshot}.json", "training"),
        validation_structures=known("results/snapshots/{snapshot}.extxyz", "validation"),
        validation_dft=known("results/dft/{snapshot}.json", "validation"),
        test_structures=known("results/snapshots/{snapshot}.extxyz", "test"),
        tried=tried,
        before=round_before,
        ldos=known("results/ldos/{snapshot}.zarr.zip", *ROUND_LEARNT),
        descriptors=known("results/descriptors/{snapshot}.zarr.zip", *ROUND_LEARNT),
        validation_ldos=of("results/ldos/{snapshot}.zarr.zip", *ROUND_JUDGED),
        validation_descriptors=of(
            "results/descriptors/{snapshot}.zarr.zip", *ROUND_JUDGED
        ),
        pseudopotentials=UPF_FILES if ROUND_LEARNT else [],
    output:
        choice="results/rounds/{round}/choice.json",
        candidates="results/rounds/{round}/candidates.csv",
        snapshots=expand(
            "results/snapshots/round{{round}}-{place}.extxyz",
            place=CONFIG.rounds.places(),
        ),
        cost="results/cost/rounds/choice-{round}.json",
    log:
        "logs/rounds/choice-{round}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("rounds_choice"),
        runtime=minutes("rounds_choice"),
    params:
        **job("rounds_choice"),
        own=contents(POOL_FILES),
    message:
        asking("which structures to compute in round {wildcards.round}")
    shell:
        "surrogate-hpo rounds_choice --config {params.config:q}"
        " --round-number {wildcards.round} {params.files} --cost {output.cost:q} 2> {log:q}"
