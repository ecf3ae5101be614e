"""All scores of architectures by name."""

from surrogate_hpo.selection.activation_patterns import ActivationPatterns
from surrogate_hpo.selection.gradient_statistics import GradientStatistics
from surrogate_hpo.selection.naswot import Naswot, OriginalNaswot
from surrogate_hpo.selection.options import ProxyName
from surrogate_hpo.selection.parameter_count import ParameterCount
from surrogate_hpo.selection.proxy import Proxy
from surrogate_hpo.selection.readout import Readout
from surrogate_hpo.selection.short_training import ShortTraining

PROXIES: dict[ProxyName, Proxy] = {
    proxy.name: proxy
    for proxy in (
        Naswot(),
        OriginalNaswot(),
        ActivationPatterns(),
        GradientStatistics(),
        ParameterCount(),
        Readout(),
        ShortTraining(),
    )
}
