"""A server is called by names that are its own, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.adapters.server.hosts import is_ours

LOOPBACK = [
    "localhost",
    "LocalHost",
    "localhost.",
    "orders.localhost",
    "127.0.0.1",
    "127.1.2.3",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
]


@pytest.mark.parametrize("name", LOOPBACK)
@pytest.mark.parametrize("prefix", ["", "sync-", "states.", "sync-states.", "Sync-"])
@pytest.mark.parametrize("port", ["", ":8083", ":"])
def test_names_of_the_loopback_are_ours_with_what_botocore_puts_before_them(name, prefix, port):
    assert is_ours(prefix + name + port)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":8083",
        "evil.example",
        "evil.example:8083",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "sync-127.0.0.1.evil.example",
        "sync-states.evil.example",
        "states.evil.example",
        "evil-localhost",
        "xlocalhost",
        "127.0.0.1:80:80",
        "127.0.0.1@evil.example",
        "evil.example:80@127.0.0.1",
        "localhost/evil",
        "localhost evil.example",
        "localhost\nevil.example",
        "localhost:http",
        "127.1",
        "0127.0.0.1",
        "2130706433",
        "0x7f000001",
        "::1",
        "[::1",
        "::1]",
        "[::2]",
        "[]",
        "[localhost]",
        "10.0.0.1",
        "0.0.0.0",
        "host.docker.internal",
        "sync-sync-localhost",
        "sync-",
        "states.",
        "localhost..",
    ],
)
def test_whatever_else_is_refused(host):
    assert not is_ours(host)


@pytest.mark.parametrize(
    "host",
    [
        "stepwell",
        "Stepwell:8083",
        "stepwell.",
        "sync-stepwell",
        "states.stepwell",
        "states.example.com",
        "sync-states.example.com:443",
        "192.168.1.5:8083",
        "sync-192.168.1.5",
        "[fe80:0::1]:8083",
        "host.docker.internal:8083",
        "localhost",
    ],
)
def test_names_that_are_given_are_ours_too(host):
    given_names = {"Stepwell", "states.example.com", "192.168.1.5", "fe80::1", "host.docker.internal"}

    assert is_ours(host, given_names)


def test_a_given_name_is_not_ours_below_it_or_above():
    given_names = {"example.com"}

    assert not is_ours("www.example.com", given_names)
    assert not is_ours("com", given_names)


@given(st.text(), st.sets(st.text()))
def test_garbage_raises_nothing(host, given_names):
    assert is_ours(host, given_names) in (True, False)


@given(st.sampled_from(LOOPBACK), st.from_regex(r"[a-z0-9-]{1,12}", fullmatch=True))
def test_no_host_of_a_domain_is_taken_for_the_loopback(name, domain):
    assert is_ours(f"{name.removesuffix('.')}.{domain}") == (domain == "localhost" and "[" not in name)
