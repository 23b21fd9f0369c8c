"""Reads what /metrics says."""

from prometheus_client.parser import text_string_to_metric_families

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def figures(text: str) -> Figures:
    """Each sample by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Figures, name: str, /, **labels: str) -> float:
    """One sample."""
    return found[name, frozenset(labels.items())]


def total(found: Figures, name: str, /, **labels: str) -> float:
    """The sum over all samples that have these labels, and others."""
    wanted = labels.items()
    return sum(number for (known, has), number in found.items() if known == name and wanted <= has)
