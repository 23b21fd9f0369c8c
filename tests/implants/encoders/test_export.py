"""What an export does without torch: fitting the projection, choosing films, refusing politely."""

import importlib.util
from itertools import islice

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from implants.demo.renderer import VIEWS, render_film
from implants.demo.systems import DEMO_SYSTEMS
from implants.encoders.export.films import (
    CONTEXTS,
    SAMPLES_IN_A_ROUND,
    fitting_films,
    fitting_samples,
)
from implants.encoders.export.projection import fit_projection


def correlated(rows: int = 400, width: int = 30) -> np.ndarray:
    """Features of very unequal variance, mixed, around a mean far from zero."""
    rng = np.random.default_rng(3)
    scales = 2.0 ** -np.arange(width)
    return rng.normal(size=(rows, width)) * scales @ rng.normal(size=(width, width)) + 7


def test_projection_whitens_in_full_at_power_one_half() -> None:
    features = correlated()
    projected = fit_projection(features, 10, power=0.5, shrinkage=0).apply(features)
    assert np.allclose(projected.mean(axis=0), 0, atol=1e-8)
    assert np.allclose(np.cov(projected.T), np.eye(10), atol=1e-6)


def test_projection_at_power_zero_is_plain_principal_components() -> None:
    features = correlated()
    projection = fit_projection(features, 10, power=0, shrinkage=0)
    assert np.allclose(projection.weights.T @ projection.weights, np.eye(10))
    variances = projection.apply(features).var(axis=0)
    assert (np.diff(variances) < 0).all()
    assert variances.sum() > 0.99 * features.var(axis=0).sum()


def test_projection_shrinkage_holds_weak_components_back() -> None:
    features = correlated()
    variances = fit_projection(features, 10, power=0.5, shrinkage=0.5).apply(features).var(axis=0)
    assert variances[0] > 0.5
    assert variances[-1] < 0.1


def test_projection_of_the_same_features_is_the_same() -> None:
    first = fit_projection(correlated(), 10, power=0.5, shrinkage=0.1)
    flipped = fit_projection(correlated()[::-1], 10, power=0.5, shrinkage=0.1)
    assert np.allclose(first.weights, flipped.weights, rtol=1e-6)


@pytest.mark.parametrize(("rows", "width"), [(10, 30), (400, 9)])
def test_projection_of_too_little_is_refused(rows: int, width: int) -> None:
    with pytest.raises(ValueError, match="too few"):
        fit_projection(correlated(rows, width), 10, power=0.5, shrinkage=0)


def test_fitting_films_show_no_film_of_the_catalogue() -> None:
    films = list(islice(fitting_films(1), len(VIEWS)))
    for (image, _), view in zip(films, VIEWS, strict=True):
        for query in (False, True):
            of_the_demo = Image.fromarray(render_film(DEMO_SYSTEMS[0], view, query=query).image)
            assert image.tobytes() != of_the_demo.tobytes()


def test_fitting_films_are_the_same_each_time_and_differ_by_round() -> None:
    first, again = (next(iter(fitting_films(1))) for _ in range(2))
    assert first[0].tobytes() == again[0].tobytes()
    assert first[1] == again[1]


def test_fitting_samples_are_the_film_and_ever_wider_parts_of_it() -> None:
    samples = list(islice(fitting_samples(1), 1 + len(CONTEXTS)))
    film, implant = next(iter(fitting_films(1)))
    assert samples[0] == (film, None)
    assert samples[1][1] is not None
    assert samples[1][1].to_list() == pytest.approx(implant.to_list())
    areas = [region.width * region.height for _, region in samples[1:] if region]
    assert areas == sorted(set(areas))
    assert len(DEMO_SYSTEMS) * len(VIEWS) * (1 + len(CONTEXTS)) == SAMPLES_IN_A_ROUND


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_export_without_torch_names_the_fix() -> None:
    with pytest.raises(CommandError, match=r"requirements/ml\.txt"):
        call_command("export_encoder", "--bundled")


@pytest.mark.parametrize("rounds", [0, -1])
def test_export_without_films_says_what_to_give(rounds: int) -> None:
    with pytest.raises(CommandError, match="--rounds must be 1 or more"):
        call_command("export_encoder", "--bundled", rounds=rounds)
