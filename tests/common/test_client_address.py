"""Whose address counts when proxies stand in between."""

from typing import Any

import pytest
from django.test import RequestFactory

from raiox.common.client_address import client_address, counted_address


def address(forwarded: str, remote: str) -> str:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=remote))


def test_client_address_ignores_what_strangers_claim(settings: Any) -> None:
    settings.TRUSTED_PROXIES = []
    assert address("198.51.100.7", "203.0.113.9") == "203.0.113.9"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("1.2.3.4, 198.51.100.7", "198.51.100.7"),
        ("198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("", "10.0.0.1"),
        ("nonsense", "10.0.0.1"),
        ("198.51.100.7, nonsense", "10.0.0.1"),
        ("198.51.100.7, 10.0.0.300", "10.0.0.1"),
        ("198.51.100.7, ::ffff:10.0.0.2", "198.51.100.7"),
    ],
)
def test_client_address_goes_back_as_far_as_our_proxies_wrote(
    settings: Any, forwarded: str, expected: str
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/24"]
    assert address(forwarded, "10.0.0.1") == expected


@pytest.mark.parametrize(
    ("remote", "counted"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("2001:DB8:1:3::6", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
    ],
)
def test_an_ipv6_address_counts_by_its_network(remote: str, counted: str) -> None:
    assert counted_address(RequestFactory().get("/", REMOTE_ADDR=remote)) == counted
