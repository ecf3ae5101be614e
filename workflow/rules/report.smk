rule report:
    input:
        structures=of(
            "results/snapshots/{snapshot}.extxyz", "test", "training", "validation"
        ),
        dft=of("results/dft/{snapshot}.json", "test", "training", "validation"),
        ldos=of("results/ldos/{snapshot}.zarr.zip", "test", number=1),
        descriptors=of("results/descriptors/{snapshot}.zarr.zip", "test", number=1),
        acsd_scores="results/acsd/scores.csv",
        acsd_choice="results/acsd/choice.json",
        acsd_similarities="results/acsd/similarities.zarr.zip",
        naswot_scores="results/naswot/scores.csv",
        naswot_choice="results/naswot/choice.json",
        trials="results/search/trials.csv",
        search_choice="results/search/choice.json",
        models=expand("results/train/{seed}/model.pt", seed=SEEDS),
        histories=expand("results/train/{seed}/history.csv", seed=SEEDS),
        validation_losses=expand(
            "results/train/{seed}/validation_losses.csv", seed=SEEDS
        ),
        energies="results/evaluate/energies.csv",
        dos="results/evaluate/dos.csv",
        ldos_samples="results/evaluate/ldos_samples.csv",
        forces="results/evaluate/forces.csv",
        summary="results/evaluate/summary.json",
        audit_scores=expand("results/{stage}/scores.csv", stage=NASWOT_AUDIT),
        audit_agreement=expand("results/{stage}/agreement.csv", stage=NASWOT_AUDIT),
        audit_verdict=expand("results/{stage}/verdict.json", stage=NASWOT_AUDIT),
        comparison=expand("results/{stage}/table.csv", stage=COMPARISON),
        learning_curve=expand("results/{stage}/learning_curve.csv", stage=CURVE),
        ados=expand("results/{stage}/ados.csv", stage=ADOS),
        ados_dos=expand("results/{stage}/dos.csv", stage=ADOS),
        potential=expand("results/{stage}/potential.csv", stage=POTENTIAL),
        potential_forces=expand("results/{stage}/forces.csv", stage=POTENTIAL),
        transfer=expand("results/{stage}/energies.json", stage=TRANSFER),
        floor=expand("results/{stage}/summary.json", stage=FLOOR),
        rounds=expand("results/{stage}/summary.json", stage=ROUNDS),
        pseudopotentials=UPF_FILES,
        costs=costs(*STAGES[:-1], *NASWOT_AUDIT, *ROUNDS, *TRANSFER),
    output:
        report=report(
            "results/report/report.html",
            caption="../report/page.rst",
            category="1. Report",
            labels={"content": "all on one page"},
        ),
        figures=report(
            directory("results/report/figures"),
            patterns=["{name}.svg"],
            caption="../report/figure.rst",
            category="2. Figures",
            labels={"figure": "{name}"},
        ),
        methods=report(
            "results/report/methods.md",
            caption="../report/methods.rst",
            category="1. Report",
            labels={"content": "methods section"},
        ),
        references=report(
            "results/report/references.bib",
            caption="../report/methods.rst",
            category="1. Report",
            labels={"content": "references"},
        ),
        errors_per_snapshot=report(
            "results/report/errors_per_snapshot.csv",
            caption="../report/errors.rst",
            category="3. Errors",
            labels={"errors": "per snapshot"},
        ),
        errors_per_energy=report(
            "results/report/errors_per_energy.csv",
            caption="../report/errors.rst",
            category="3. Errors",
            labels={"errors": "per energy"},
        ),
        validation_loss_split=report(
            "results/report/validation_loss_split.csv",
            caption="../report/losses.rst",
            category="3. Errors",
            labels={"errors": "of the LDOS, per network"},
        ),
        cost_per_stage=report(
            "results/report/cost_per_stage.csv",
            caption="../report/cost.rst",
            category="4. Cost",
            labels={"cost": "per stage"},
        ),
        cost_per_method=report(
            expand(
                "results/report/cost_per_{what}.csv",
                what=["method"] if COMPARISON else [],
            ),
            caption="../report/cost.rst",
            category="4. Cost",
            labels={"cost": "per search method"},
        ),
        cost="results/cost/report/all.json",
    log:
        "logs/report.log",
    conda:
        "../envs/surrogate-hpo.yaml"
    resources:
        mem_mb=memory("report"),
        runtime=minutes("report"),
    params:
        **job("report"),
        own=contents(UPF_FILES),
        flow=stage_flow,
    message:
        asking("figures, tables and the HTML report")
    shell:
        "surrogate-hpo report --config {params.config:q} {params.files}"
        " --flow {params.flow:q} --cost {output.cost:q} 2> {log:q}"
