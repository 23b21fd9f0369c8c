"""The page “Qualidade”: what it says, to whom, and when there is nothing to say."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from cases import review
from cases.models import Case, Search
from implants.models import Encoder, Implant
from implants.quality import Hits, Quality, keep_quality
from tests.people import logged_in, person

pytestmark = pytest.mark.django_db
URL = "/admin/quality/"


def text_of(user: User) -> str:
    response = logged_in(user).get(URL)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


@pytest.fixture
def reviewer() -> User:
    return person("ana", "Revisores")


def test_only_who_sees_cases_and_encoders_sees_it(client: Client, reviewer: User) -> None:
    assert client.get(URL).status_code == 302
    assert logged_in(person("carla", "Curadores")).get(URL).status_code == 403
    assert logged_in(reviewer).get(URL).status_code == 200


def test_without_anything_it_says_so(reviewer: User) -> None:
    text = text_of(reviewer)
    assert "Nenhum caso foi decidido nas últimas 26 semanas." in text
    assert "Nenhum codificador está ativo" in text
    Encoder.objects.create(name="new", path="x", is_active=True)
    assert "Ainda não medido" in text_of(reviewer)


def test_it_shows_agreement_and_the_catalogue_figures(
    reviewer: User,
    make_case: Callable[..., Case],
    add_search: Callable[..., Search],
    implants: list[Implant],
    encoder_row: Encoder,
) -> None:
    a, b, c, _ = implants
    for chosen in (a, a, b):
        case = make_case()
        finding = case.findings.get()
        add_search(finding, case.images.get(), (a, 0.9), (b, 0.8))
        review.set_verdict(finding, reviewer, verdict="identified", implant=chosen)
        review.approve(case, reviewer)
    keep_quality(
        encoder_row.pk,
        Quality(timezone.now(), 4, Hits(80, 20, 60), Hits(0, 0, 0), ((b.pk, c.pk, 7),)),
    )
    text = text_of(reviewer)
    assert "<b>67 %</b> <span>escolheram a primeira sugestão" in text
    assert "<b>100 %</b> <span>escolheram uma das três" in text
    assert 'aria-label="Semana de' in text
    assert ": 2 de 3" in text
    assert '<b>25 %</b></td><td class="rx-number">75 %' in text
    assert f'>{b}</a></td><td><a href="/admin/implants/implant/{c.pk}/change/">{c}</a>' in text
    assert "com o implante marcado" not in text
