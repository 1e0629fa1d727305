"""Addresses, names and programs: what stays of them."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.redaction import Redaction, family

CUT = Redaction("truncate")
CODED = Redaction("hash", b"0123456789abcdef")


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:aaaa:bbbb::1", "2001:db8:aaaa::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("2002:cb00:714d:1::1", "2002:cb00:7100::"),  # 6to4 carries 203.0.113.77
        ("fe80::1%eth0", "redacted"),
        ("alice.example.com", "redacted"),
        ("203.0.113.077", "redacted"),
        ("", "redacted"),
    ],
)
def test_a_cut_address_tells_its_network_only(given_text: str, kept: str) -> None:
    assert CUT.address(given_text) == kept


@given(st.ip_addresses(v=4), st.ip_addresses(v=4))
def test_cut_addresses_are_equal_where_their_24_bits_are(one: object, other: object) -> None:
    networks = [ipaddress.ip_network(f"{address}/24", strict=False) for address in (one, other)]
    assert CUT.address(str(one)) == str(networks[0].network_address)
    assert (CUT.address(str(one)) == CUT.address(str(other))) == (networks[0] == networks[1])


@given(st.ip_addresses())
def test_redacting_twice_is_redacting_once(address: object) -> None:
    for redaction in (CUT, CODED):
        once = redaction.address(str(address))
        assert redaction.address(once) == once
        assert str(address) != once or str(address).endswith((".0", "::"))


@given(st.ip_addresses(v=6))
def test_equal_clients_stay_equal_however_their_address_is_written(address: ipaddress.IPv6Address) -> None:
    assert CODED.address(address.exploded) == CODED.address(address.compressed)
    assert CODED.address(address.exploded.upper()) == CODED.address(address.compressed)


def test_another_key_gives_other_codes_and_no_key_shows() -> None:
    other = Redaction("hash", b"fedcba9876543210")
    assert CODED.address("203.0.113.77") != other.address("203.0.113.77")
    assert CODED.key_check != other.key_check
    assert CODED.key_check == Redaction("hash", b"0123456789abcdef").key_check
    assert CUT.key_check is None
    assert "0123456789" not in repr(CODED)


def test_a_name_becomes_a_code_or_nothing_and_never_that_of_an_address() -> None:
    assert CUT.name("CN=alice") is None
    assert CODED.name("CN=alice") == CODED.name("CN=alice") != CODED.name("CN=bob")
    assert CODED.name("203.0.113.77") != CODED.address("203.0.113.77")
    assert "alice" not in str(CODED.name("CN=alice"))


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36", "Chrome"),
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36 Edg/120", "Edge"),
        ("Mozilla/5.0 (iPhone) AppleWebKit/605 (KHTML, like Gecko) Version/17 Safari/604.1", "Safari"),
        ("curl/8.5.0", "curl"),
        ("AcmeSecretBot/1.0 (+https://example.com/alice)", "bot"),
        ("my own client of alice", "other"),
        ("autoscaling.amazonaws.com", "AWS service"),
    ],
)
def test_a_user_agent_is_reduced_to_its_family(header: str, name: str) -> None:
    assert family(header) == name
    assert family(family(header)) == name


@given(st.text(max_size=60))
def test_a_family_is_one_of_a_closed_list(header: str) -> None:
    assert family(header) in {
        *("other", "bot", "Chrome", "Edge", "Safari", "Firefox", "curl", "Opera", "Wget", "Python", "okhttp"),
        *("ELB-HealthChecker", "kube-probe", "AWS service", "aws-cli", "Boto3", "AWS SDK", "Terraform"),
        *("kubectl", "kubelet", "Samsung Internet", "Internet Explorer", "Go-http-client", "Java", "axios"),
        *("Apache-HttpClient", "Node.js", "Dart", "Postman", "gRPC", "Android app", "Apple app", "WebKit"),
        "Mozilla",
    }
