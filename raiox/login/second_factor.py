"""The second factor: a code from an app on the telephone, and recovery codes for its loss."""

from typing import Final, TypeAlias

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django_otp import verify_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

RECOVERY_CODES: Final = 10
Device: TypeAlias = TOTPDevice | StaticDevice


def is_enrolled(user: User) -> bool:
    """Whether her log-in asks for a code."""
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists()


def is_required(user: User) -> bool:
    """Whether the service asks people like her to have a second factor."""
    policy = settings.REQUIRE_SECOND_FACTOR
    return (policy != "off" and user.is_superuser) or (policy == "staff" and user.is_staff)


def pending(user: User) -> TOTPDevice:
    """The device that she is about to enrol: it counts for nothing before it gave a right code."""
    device: TOTPDevice = TOTPDevice.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": "totp"}
    )[0]
    return device


@transaction.atomic
def enrol(user: User, code: str) -> Device | None:
    """Confirm the pending device by its first code; None if the code is wrong.

    Tokens of the API that were given without a second factor end.
    """
    device = _accept(user, pending(user), code)
    if device is None:
        return None
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    for token in OutstandingToken.objects.filter(user=user):
        BlacklistedToken.objects.get_or_create(token=token)
    return device


def check(user: User, code: str) -> Device | None:
    """The device that accepts `code`, which is spent by it; None if there is none."""
    # Only the kind of device that the code belongs to is asked: a wrong code holds back the next.
    kind: type[Device] = TOTPDevice if code.isdigit() else StaticDevice
    device = kind.objects.filter(user=user, confirmed=True).first()
    return _accept(user, device, code) if device else None


def is_held_back(user: User, code: str) -> bool:
    """Whether codes like this one are not even looked at for now, after wrong ones."""
    kind: type[Device] = TOTPDevice if code.isdigit() else StaticDevice
    device = kind.objects.filter(user=user, confirmed=True).first()
    return device is not None and not device.verify_is_allowed()[0]


@transaction.atomic
def new_recovery_codes(user: User) -> list[str]:
    """Ten codes that serve once each; earlier ones are good for nothing any more."""
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery")
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


def recovery_codes_left(user: User) -> int:
    """How many of her recovery codes are not spent."""
    return StaticToken.objects.filter(device__user=user).count()


@transaction.atomic
def remove(user: User) -> bool:
    """Take the second factor away, recovery codes included; False if there was none."""
    had_one = is_enrolled(user)
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    return had_one


def _accept(user: User, device: Device, code: str) -> Device | None:
    accepted: Device | None = verify_token(user, device.persistent_id, code)
    return accepted
