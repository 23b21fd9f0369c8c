"""Groups and what they may do."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from raiox.groups import GROUPS

pytestmark = pytest.mark.django_db


def permissions_of(name: str) -> set[str]:
    found = Permission.objects.filter(group__name=name).select_related("content_type")
    return {f"{row.content_type.app_label}.{row.codename}" for row in found}


def test_groups_get_exactly_their_permissions_however_often(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call_command("ensure_groups")
    Group.objects.get(name="Leitores").permissions.set(
        Permission.objects.filter(codename="delete_case")
    )
    call_command("ensure_groups")

    assert {name: permissions_of(name) for name in GROUPS} == {
        name: set(permissions) for name, permissions in GROUPS.items()
    }
    assert Group.objects.count() == len(GROUPS)
    assert "Revisores" in capsys.readouterr().out


def test_reviewers_alone_decide_and_curators_alone_keep_the_catalogue() -> None:
    call_command("ensure_groups", verbosity=0)

    assert "cases.decide_case" in permissions_of("Revisores")
    writes = {name: {p for p in permissions_of(name) if ".view_" not in p} for name in GROUPS}
    assert writes["Revisores"] == {"cases.decide_case"}
    assert {p.partition(".")[0] for p in writes["Curadores"]} == {"implants"}
    assert not writes["Leitores"]
