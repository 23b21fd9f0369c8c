"""Whatever is posted to the door, and whatever the API answers: kept, or refused by a name."""

from collections import Counter

from hypothesis import HealthCheck, given, settings

from tests.fuzz import payloads

FEW = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_any_body_is_kept_or_refused_by_name() -> None:
    outcomes: Counter[str] = Counter()

    @FEW
    @given(payloads.bodies)
    def taken(sent: tuple[str, bytes]) -> None:
        outcomes[payloads.take(*sent)] += 1

    taken()
    assert {"malformed", "other"} <= set(outcomes)


@FEW
@given(payloads.answers())
def test_any_answer_of_the_api_is_read_or_refused_by_name(answered: tuple[int, bytes]) -> None:
    payloads.take_answer(*answered)
