"""What object keys say."""

from datetime import UTC, datetime

import pytest

from pipeline.ingest import keys
from pipeline.model import Window

NAME = (
    "122796619775_elasticloadbalancing_us-east-1_app.azul-gitlab-alb.c051f98624e68d7e"
    "_20230207T0135Z_172.71.1.176_jm0mfogh.log.gz"
)
END = datetime(2023, 2, 7, 1, 35, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (f"AWSLogs/122796619775/elasticloadbalancing/us-east-1/2023/02/07/{NAME}", "access_log"),
        (f"AWSLogs/o-1234/122796619775/elasticloadbalancing/us-east-1/2023/02/07/{NAME}", "access_log"),
        ("p/AWSLogs/122796619775/ELBAccessLogTestFile", "test_file"),
        (f"AWSLogs/conn_log_{NAME}", "connection_log"),
        (f"AWSLogs/health_check_log_{NAME}", "health_check_log"),
        (NAME.replace("_app.", "_net."), "nlb"),
        (
            "122796619775_elasticloadbalancing_us-east-1_my-lb_20150515T1200Z_192.0.2.1_20sg8hgm.log",
            "classic",
        ),
        ("notes.txt", "other"),
    ],
)
def test_a_key_tells_the_kind_of_log(key: str, kind: str) -> None:
    assert keys.kind(key) == kind


def test_an_access_log_key_gives_load_balancer_interval_and_node() -> None:
    expected = keys.LogKey("app/azul-gitlab-alb/c051f98624e68d7e", END, "172.71.1.176")
    assert keys.parse(f"any/{NAME}") == expected


@pytest.mark.parametrize(
    ("written", "address"),
    [("172.160.001.192", "172.160.1.192"), ("2001:db8::1", "2001:db8::1"), ("1.2.3.999", None)],
)
def test_a_node_address_is_written_without_padding(written: str, address: str | None) -> None:
    key = keys.parse(NAME.replace("172.71.1.176", written))
    assert key is not None
    assert key.node_ip == address


@pytest.mark.parametrize("name", [NAME.replace("20230207T0135Z", "20231307T0135Z"), "a.log", ""])
def test_a_name_without_a_valid_interval_gives_nothing(name: str) -> None:
    assert keys.parse(name) is None


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, True),
        (END.replace(hour=3), None, False),
        (END.replace(hour=2), None, True),
        (None, END.replace(hour=1, minute=0), True),
        (None, END.replace(hour=0, minute=0), False),
    ],
)
def test_an_object_is_looked_into_up_to_an_hour_around_the_window(
    since: datetime | None,
    until: datetime | None,
    expected: bool,  # noqa: FBT001 - drawn
) -> None:
    key = keys.parse(NAME)
    assert key is not None
    assert keys.overlaps(key, Window(since, until)) is expected


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("AWSLogs/1/elasticloadbalancing/eu-west-1/", True),
        ("AWSLogs/1/elasticloadbalancing/eu-west-1/2022/", False),
        ("AWSLogs/1/elasticloadbalancing/eu-west-1/2023/", True),
        ("AWSLogs/1/elasticloadbalancing/eu-west-1/2023/01/", False),
        ("AWSLogs/1/elasticloadbalancing/eu-west-1/2023/02/05/", False),
        ("AWSLogs/1/elasticloadbalancing/eu-west-1/2023/02/06/", True),
        ("AWSLogs/1/elasticloadbalancing/eu-west-1/2023/02/08/", True),
        ("AWSLogs/1/elasticloadbalancing/eu-west-1/2023/02/09/", False),
        ("anything/else/", True),
    ],
)
def test_day_folders_are_kept_a_day_around_the_window(folder: str, expected: bool) -> None:  # noqa: FBT001 - drawn
    assert keys.folder_overlaps(folder, Window(END, END.replace(hour=2))) is expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("shop", True),
        ("app/shop/50dc", True),
        ("arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/shop/50dc", True),
        ("sho", False),
        ("app/shop/50dd", False),
    ],
)
def test_a_load_balancer_is_named_by_name_id_or_arn(wanted: str, expected: bool) -> None:  # noqa: FBT001 - drawn
    assert keys.load_balancer_matches(wanted, "app/shop/50dc") is expected
