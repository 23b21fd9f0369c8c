"""People of the staff, in their groups, logged in."""

from django.contrib.auth.models import Group, User
from django.test import Client

from raiox.groups import ensure_groups


def person(name: str, *groups: str, is_staff: bool = True, is_superuser: bool = False) -> User:
    """A user in these groups, which have their permissions."""
    ensure_groups()
    user = User.objects.create_user(
        name, first_name=name.title(), is_staff=is_staff, is_superuser=is_superuser
    )
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


def logged_in(user: User) -> Client:
    """A browser of hers."""
    client = Client()
    client.force_login(user)
    return client
