rule predict_large:
    input:
        **LARGE_DERIVATIVES,
        structure=large_structure,
        surrogate=LARGE_SURROGATE,
        bracket="results/predict_large/bracket.json",
        slabs=expand(
            "results/predict_large/slabs/{slab}.zarr.zip",
            slab=range(CONFIG.predict_large.slabs),
        ),
    output:
        **LARGE_FORCES,
        energies="results/predict_large/prediction.json",
        dos="results/predict_large/dos.csv",
        density="results/predict_large/density.zarr.zip",
        cost="results/cost/predict_large/all.json",
    log:
        "logs/predict_large.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("predict_large")
    resources:
        mem_mb=memory("predict_large"),
        runtime=minutes("predict_large"),
    params:
        **job("predict_large"),
        own=contents(large_structure, LARGE_OWN),
    message:
        asking("energies and density of a large cell, from its slabs")
    shell:
        "surrogate-hpo predict_large --config {params.config:q} --threads {threads}"
        " {params.files} --cost {output.cost:q} 2> {log:q}"


rule predict_large_bracket:
    input:
        structure=large_structure,
        surrogate=LARGE_SURROGATE,
    output:
        bracket="results/predict_large/bracket.json",
        cost="results/cost/predict_large/bracket.json",
    log:
        "logs/predict_large/bracket.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("predict_large_bracket")
    resources:
        mem_mb=memory("predict_large_bracket"),
        runtime=minutes("predict_large_bracket"),
        gpu=gpus("predict_large_bracket"),
    params:
        **job("predict_large_bracket"),
        own=contents(large_structure, LARGE_OWN),
        slabs=CONFIG.predict_large.slabs,
    message:
        asking("Fermi energy of a large cell, roughly")
    shell:
        "surrogate-hpo predict_large_bracket --config {params.config:q}"
        " --threads {threads} {params.files} --cost {output.cost:q} 2> {log:q}"


rule predict_large_slab:
    input:
        structure=large_structure,
        surrogate=LARGE_SURROGATE,
        bracket="results/predict_large/bracket.json",
    output:
        result="results/predict_large/slabs/{slab}.zarr.zip",
        cost="results/cost/predict_large/slab-{slab}.json",
    log:
        "logs/predict_large/slab-{slab}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("predict_large_slab")
    resources:
        mem_mb=memory("predict_large_slab"),
        runtime=minutes("predict_large_slab"),
        gpu=gpus("predict_large_slab"),
    params:
        **job("predict_large_slab"),
        own=contents(large_structure, LARGE_OWN),
        slabs=CONFIG.predict_large.slabs,
    message:
        asking("slab {wildcards.slab} of a large cell")
    shell:
        "surrogate-hpo predict_large_slab --config {params.config:q}"
        " --threads {threads} --slab {wildcards.slab} {params.files}"
        " --cost {output.cost:q} 2> {log:q}"


rule predict_large_gradient:
    input:
        structure=large_structure,
        surrogate=LARGE_SURROGATE,
        bracket="results/predict_large/bracket.json",
        slabs=expand(
            "results/predict_large/slabs/{slab}.zarr.zip",
            slab=range(CONFIG.predict_large.slabs),
        ),
    output:
        gradient="results/predict_large/gradient.zarr.zip",
        cost="results/cost/predict_large/gradient.json",
    log:
        "logs/predict_large/gradient.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("predict_large_gradient")
    resources:
        mem_mb=memory("predict_large_gradient"),
        runtime=minutes("predict_large_gradient"),
    params:
        **job("predict_large_gradient"),
        own=contents(large_structure, LARGE_OWN),
    message:
        asking("what the free energy of a large cell answers to its LDOS")
    shell:
        "surrogate-hpo predict_large_gradient --config {params.config:q}"
        " --threads {threads} {params.files} --cost {output.cost:q} 2> {log:q}"


rule predict_large_pull:
    input:
        structure=large_structure,
        surrogate=LARGE_SURROGATE,
        gradient="results/predict_large/gradient.zarr.zip",
    output:
        pulled="results/predict_large/pulled/{slab}.zarr.zip",
        cost="results/cost/predict_large/pull-{slab}.json",
    log:
        "logs/predict_large/pull-{slab}.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    threads: cores("predict_large_pull")
    resources:
        mem_mb=memory("predict_large_pull"),
        runtime=minutes("predict_large_pull"),
        gpu=gpus("predict_large_pull"),
    params:
        **job("predict_large_pull"),
        own=contents(large_structure, LARGE_OWN),
        slabs=CONFIG.predict_large.slabs,
    message:
        asking("forces through slab {wildcards.slab} of a large cell")
    shell:
        "surrogate-hpo predict_large_pull --config {params.config:q}"
        " --threads {threads} --slab {wildcards.slab} {params.files}"
        " --cost {output.cost:q} 2> {log:q}"
