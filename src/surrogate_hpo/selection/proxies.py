"""Stub until i5-scores is merged."""

import time
from dataclasses import dataclass, replace

from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.selection.naswot import score_architecture
from surrogate_hpo.selection.options import Direction, ProxyName
from surrogate_hpo.selection.proxy import Proxy, ScoreData
from surrogate_hpo.selection.ranking import ArchitectureScore


@dataclass(frozen=True)
class _Stub:
    name: ProxyName
    label: str
    direction: Direction

    def __call__(self, architecture: Architecture, data: ScoreData, *, seed: int, initialisations: int) -> ArchitectureScore:
        begin = time.process_time()
        found = score_architecture(
            architecture, data.minibatch, outputs=data.targets.shape[1], seed=seed, initialisations=initialisations
        )
        if self.name == "parameters":
            found = replace(found, score=float(found.parameters), std=0.0, mean=float(found.parameters))
        return replace(found, proxy=self.name, seconds=time.process_time() - begin)


PROXIES: dict[ProxyName, Proxy] = {
    "naswot": _Stub("naswot", "NASWOT (paper, eq. 14)", "maximise"),
    "naswot_original": _Stub("naswot_original", "NASWOT (original)", "minimise"),
    "parameters": _Stub("parameters", "number of parameters", "maximise"),
}
