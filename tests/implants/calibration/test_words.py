"""What words mean: shares with bounds, along similarity, region and whole film apart."""

import numpy as np
import pytest

from implants.calibration.evidence import (
    DECISIONS_ALONE,
    STRANGERS,
    Decision,
    Evidence,
    Outcome,
    gather,
)
from implants.calibration.thresholds import (
    HIGH,
    MEDIUM,
    from_where,
    lower_bound,
    rising_fit,
    up_to_where,
    upper_bound,
)
from implants.calibration.words import MIN_IMPLANTS, MIN_OBSERVATIONS, Calibration, Words
from implants.leave_one_out import LeaveOneOut


def evidence(*groups: tuple[int, float, float, Outcome]) -> Evidence:
    """So many films between two similarities with this outcome, for each group."""
    similarity = np.concatenate([np.linspace(low, high, n) for n, low, high, _ in groups])
    outcome = np.concatenate([np.full(n, outcome) for n, _, _, outcome in groups])
    return Evidence(similarity, outcome, np.ones(len(similarity)), len(similarity), 0, 40)


def found(
    count: int,
    *,
    right: float = 1.0,
    region: bool = True,
    own: tuple[float, float] = (0.6, 0.9),
    implants: int = 20,
    share: float = 1.0,
) -> LeaveOneOut:
    """A catalogue of `count` references, the most similar of which are right.

    `share` of its implants have films of the kind that asks.
    """
    own_similarity = np.linspace(*own, count).astype(np.float32)
    is_right = np.arange(count) >= round(count * (1 - right))
    other = np.where(is_right, own_similarity - 0.3, own_similarity + 0.01).astype(np.float32)
    return LeaveOneOut(
        reference_ids=np.arange(count),
        implant_ids=np.arange(count) % implants,
        has_region=np.full(count, region),
        own_similarity=own_similarity,
        own_rank=np.where(is_right, 1, 2),
        other_implant_ids=np.arange(count) % implants + 1,
        other_similarity=other,
        single_references=0,
        with_region=share if region else 0.0,
        with_whole_film=0.0 if region else share,
    )


def decided(count: int, similarity: float, chosen: int | None, *, region: bool = True) -> list:
    return [Decision(similarity, region, 1, chosen) for _ in range(count)]


def test_wilsons_bounds_are_the_known_ones() -> None:
    share, weight = np.array([0.9, 1.0]), np.array([10.0, 100.0])
    assert lower_bound(share, weight).round(3).tolist() == [0.652, 0.974]
    assert upper_bound(share, weight).round(3).tolist() == [0.977, 1.0]


def test_the_fit_never_falls_and_keeps_what_rises() -> None:
    hits, weight = np.array([0, 3, 1, 4.0]), np.array([4, 4, 4, 4.0])
    assert rising_fit(hits, weight).tolist() == [0, 0.5, 0.5, 1]


def test_high_begins_where_nine_in_ten_are_right() -> None:
    seen = evidence((100, 0.2, 0.5, Outcome.WRONG), (100, 0.6, 0.9, Outcome.RIGHT))
    assert from_where(seen, HIGH) == pytest.approx(0.6)


def test_a_word_holds_at_its_threshold_and_not_on_average_only() -> None:
    """Above 0.5 nine in ten are right together, between 0.5 and 0.6 only half of them."""
    seen = evidence(
        (30, 0.5, 0.59, Outcome.RIGHT), (30, 0.5, 0.59, Outcome.WRONG),
        (400, 0.7, 0.9, Outcome.RIGHT),
    )  # fmt: skip
    assert from_where(seen, HIGH) == pytest.approx(0.7)


@pytest.mark.parametrize(("count", "word"), [(20, None), (40, 0.6)])
def test_few_observations_give_no_high(count: int, word: float | None) -> None:
    threshold = from_where(evidence((count, 0.6, 0.9, Outcome.RIGHT)), HIGH)
    assert threshold == (None if word is None else pytest.approx(word))


def test_an_encoder_that_is_mostly_wrong_gets_no_word() -> None:
    seen = evidence((30, 0.2, 0.4, Outcome.RIGHT), (160, 0.2, 0.4, Outcome.WRONG))
    words = Words.learned(seen)
    assert words.high is None
    assert words.medium is None


def test_high_is_never_below_medium() -> None:
    generator = np.random.default_rng(0)
    similarity = generator.random(500)
    outcome = (generator.random(500) < similarity**0.25).astype(np.int64)
    words = Words.learned(Evidence(similarity, outcome, np.ones(500), 500, 0, 30))
    assert words.medium is not None
    assert words.high is not None
    assert words.medium < words.high


def test_what_looks_like_implants_that_are_missing_is_out_of_catalogue() -> None:
    seen = evidence((200, 0.2, 0.4, Outcome.NOT_IN_CATALOGUE), (200, 0.6, 0.9, Outcome.RIGHT))
    border = up_to_where(seen)
    assert border is not None
    assert 0.4 < border <= 0.63


def test_what_is_unlike_nineteen_in_twenty_known_films_is_out_of_catalogue() -> None:
    seen = evidence((400, 0.2, 0.6, Outcome.RIGHT), (1, 0.5, 0.5, Outcome.NOT_IN_CATALOGUE))
    border = up_to_where(seen)
    assert border is not None
    assert 0.2 < border < 0.2 + 0.05 * 0.4


def test_few_known_films_say_nothing_of_what_is_foreign() -> None:
    assert up_to_where(evidence((20, 0.2, 0.6, Outcome.RIGHT))) is None


def test_what_is_trusted_is_never_called_foreign() -> None:
    words = Words.learned(evidence((400, 0.2, 0.6, Outcome.RIGHT)))
    assert words.out_of_catalogue == words.high == pytest.approx(0.2)


def test_regions_teach_nothing_about_whole_films() -> None:
    learned = Calibration.learned(found(200), [])
    assert learned.region.are_calibrated
    assert learned.region.high is not None
    assert not learned.whole_film.are_calibrated
    assert learned.whole_film.observations == 0
    assert learned.whole_film.high is None


def test_too_few_references_say_no_word() -> None:
    assert not Calibration.learned(found(MIN_OBSERVATIONS - 1), []).region.are_calibrated
    assert Calibration.learned(found(MIN_OBSERVATIONS), []).region.are_calibrated


def test_films_of_few_implants_say_no_word() -> None:
    few = Calibration.learned(found(200, implants=MIN_IMPLANTS - 1), [])
    assert not few.region.are_calibrated


def test_references_without_another_film_are_no_observations() -> None:
    catalogue = found(100)
    catalogue.own_rank[:60] = 0
    assert Calibration.learned(catalogue, []).region.observations == 40


def test_each_reference_asks_as_a_stranger_too_and_those_are_one_in_five() -> None:
    seen = gather(found(100), [], has_region=True)
    strange = seen.outcome == Outcome.NOT_IN_CATALOGUE
    assert strange.sum() == 100
    assert seen.weight[strange].sum() / seen.weight.sum() == pytest.approx(STRANGERS)
    assert seen.references == 100


@pytest.mark.parametrize("region", [True, False])
def test_implants_without_films_of_the_kind_that_asks_are_strangers(region: bool) -> None:
    """They are hardly ever found, so somebody else is suggested for them."""
    seen = gather(found(100, region=region, share=0.5), [], has_region=region)
    strange = seen.outcome == Outcome.NOT_IN_CATALOGUE
    share = 1 - (1 - STRANGERS) * 0.5
    assert seen.weight[strange].sum() / seen.weight.sum() == pytest.approx(share)
    everybody = gather(found(100, region=region), [], has_region=region)
    assert seen.weight.sum() == pytest.approx(everybody.weight.sum()), "no more than before"
    assert len(gather(found(100, region=region), [], has_region=not region).weight) == 0


def test_the_catalogue_counts_as_no_more_than_two_hundred_decisions() -> None:
    seen = gather(found(5000), [], has_region=True)
    assert seen.weight[seen.outcome == Outcome.RIGHT].sum() == pytest.approx(DECISIONS_ALONE)


def test_decisions_outweigh_the_catalogue_from_half_way_on() -> None:
    def known_weight(decisions: int) -> float:
        seen = gather(found(5000), decided(decisions, 0.7, 1), has_region=True)
        references = seen.weight[:5000]
        return float(references.sum())

    assert known_weight(0) > known_weight(50) > 50
    assert known_weight(100) == pytest.approx(100)
    assert known_weight(101) < 101
    assert known_weight(DECISIONS_ALONE) == 0


def test_decisions_alone_from_two_hundred_on() -> None:
    """Clean references are all right at 0.6; patients' films are wrong there, and right at 0.8."""
    catalogue = found(1000)
    decisions = decided(100, 0.7, 2) + decided(100, 0.85, 1)
    learned = Calibration.learned(catalogue, decisions).region
    assert Calibration.learned(catalogue, []).region.high == pytest.approx(0.6)
    assert learned.high == pytest.approx(0.85)
    assert (learned.references, learned.decisions) == (0, 200)
    assert learned.observations == 200


def test_decisions_move_the_words_before_they_are_alone() -> None:
    catalogue = found(1000)
    high = [
        Calibration.learned(catalogue, decided(count, 0.7, 2)).region.high for count in (0, 30, 100)
    ]
    assert high[0] == pytest.approx(0.6)
    assert high[1] is not None
    assert high[1] > 0.7
    assert high[2] is None or high[2] > 0.7


def test_a_suggestion_for_an_implant_that_is_not_in_the_catalogue_is_not_right() -> None:
    catalogue = found(100)
    learned = Calibration.learned(catalogue, decided(150, 0.95, None)).region
    assert learned.high is None
    assert learned.medium is None


def test_decisions_on_whole_films_do_not_touch_regions() -> None:
    catalogue = found(100)
    decisions = decided(300, 0.7, 2, region=False)
    assert (
        Calibration.learned(catalogue, decisions).region
        == Calibration.learned(catalogue, []).region
    )


def test_what_is_kept_comes_back_the_same() -> None:
    learned = Calibration.learned(found(100), decided(3, 0.7, 1))
    assert Calibration.from_json(learned.to_json()) == learned


def test_nothing_and_another_format_are_no_calibration() -> None:
    learned = Calibration.learned(found(100), [])
    assert Calibration.from_json(None) is None
    assert Calibration.from_json({**learned.to_json(), "format": 0}) is None


def test_the_thresholds_are_nine_and_six_tenths() -> None:
    assert (HIGH, MEDIUM) == (0.9, 0.6)
