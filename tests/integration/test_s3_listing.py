"""What a window costs in LIST requests, counted at a real S3 server."""

from datetime import timedelta
from typing import Any

import pytest

from pipeline.ingest import s3_listing, s3_session
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.model import Window
from tests.support.alb_lines import START, object_key
from tests.support.s3_server import Folder, object_body

HOUR = Window(START, START + timedelta(hours=1))


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Parameters of each ListObjectsV2 that is sent."""
    sent: list[dict[str, Any]] = []
    ordinary = s3_session.client

    def counted(role: str | None, region: str | None) -> Any:  # noqa: ANN401 - the type of the client exists for the type checker only
        client = ordinary(role, region)
        client.meta.events.register(
            "provide-client-params.s3.ListObjectsV2", lambda params, **_: sent.append(params)
        )
        return client

    monkeypatch.setattr(s3_session, "client", counted)
    return sent


def below(folder: Folder, lists: list[dict[str, Any]]) -> list[str]:
    return [sent["Prefix"].removeprefix(folder.prefix) for sent in lists]


def test_a_window_lists_the_way_to_its_days_and_nothing_else(
    folder: Folder, lake: Lake, lists: list[dict[str, Any]]
) -> None:
    for days in (-800, -40, -3, -2, -1, 0, 1, 2, 3, 40, 800):
        folder.put(object_key(1, START + timedelta(days=days, minutes=5)), object_body(1))
    for service in ("CloudTrail", "vpcflowlogs", "Config"):
        folder.put(f"AWSLogs/111122223333/{service}/eu-west-1/2026/03/02/x.json.gz", b"{}")
    summary = pull(f"{folder.uri}/", lake, HOUR)
    assert (summary.ingested, summary.outside_window, summary.problems) == (1, 2, [])
    region = "/AWSLogs/111122223333/elasticloadbalancing/eu-west-1/"
    way = ["/", "/AWSLogs/", "/AWSLogs/111122223333/", "/AWSLogs/111122223333/elasticloadbalancing/", region]
    around = [f"{region}2026/{day}/" for day in ("03/01", "03/02", "03/03")]
    assert sorted(below(folder, lists)) == sorted([*way, f"{region}2026/", f"{region}2026/03/", *around])


def test_an_organisation_that_logs_into_one_bucket_is_walked_alike(
    folder: Folder, lake: Lake, lists: list[dict[str, Any]]
) -> None:
    for account in ("111122223333", "444455556666"):
        key = object_key(1, START + timedelta(minutes=5)).replace("111122223333", account)
        folder.put(key.replace("AWSLogs/", "AWSLogs/o-abc123/"), object_body(int(account[0])))
        folder.put(f"AWSLogs/o-abc123/{account}/CloudTrail/eu-west-1/2026/03/02/x.json.gz", b"{}")
    assert pull(f"{folder.uri}/", lake, HOUR).ingested == 2
    assert len(lists) == 3 + 2 * 6
    assert not any("CloudTrail" in sent["Prefix"] for sent in lists)


def test_within_a_day_pages_apart_from_the_window_are_skipped(
    folder: Folder, lake: Lake, lists: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_listing, "_PAGE", 10)
    for name in ("api", "shop"):
        for number in range(1, 120):
            folder.put(
                object_key(number, START.replace(hour=0) + timedelta(minutes=12 * number), name=name), b""
            )
    summary = pull(f"{folder.uri}/", lake, HOUR)
    within = 2 * (3 * 60 // 12 + 1)  # an hour more on both sides
    assert summary.ingested == within
    day = [sent for sent in lists if sent["Prefix"].endswith("/2026/03/02/")]
    assert len(day) < 12, "238 keys are 24 pages of 10"
    assert next(sent["StartAfter"][-14:] for sent in day if "StartAfter" in sent) == "20260302T1000Z"


def test_without_a_window_pages_are_read_to_the_end(
    folder: Folder, lake: Lake, lists: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_listing, "_PAGE", 10)
    for number in range(25):
        folder.put(object_key(number, START), b"")
    assert pull(f"{folder.uri}/", lake, Window()).listed == 25
    assert len(lists) == 3


def test_within_a_day_only_the_load_balancer_asked_for_is_listed(
    folder: Folder, lake: Lake, lists: list[dict[str, Any]]
) -> None:
    kinds = ("", "conn_log.", "conn_log_", "health_check_log_")
    for name in ("api", "shop", "shop-2"):
        place, _, base = object_key(1, START + timedelta(minutes=5), name=name).rpartition("/")
        for kind in kinds:
            folder.put(f"{place}/{kind}{base}", object_body(1))
    elb = "app/shop/50dc6c495c0c9188"
    for given in ("shop", elb, f"arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/{elb}"):
        lists.clear()
        summary = pull(f"{folder.uri}/", lake, HOUR, load_balancer=given)
        assert (summary.listed, summary.ingested + summary.already_known) == (4, 4)
        day = "/AWSLogs/111122223333/elasticloadbalancing/eu-west-1/2026/03/02/"
        asked = [start.removeprefix(day) for start in below(folder, lists) if start.startswith(day)]
        name = "111122223333_elasticloadbalancing_eu-west-1_app.shop."
        name += "" if given == "shop" else "50dc6c495c0c9188_"
        assert asked == [kind + name for kind in (*kinds[:3], "health_check_log.", *kinds[3:])]


def test_an_arn_leads_past_other_accounts_and_regions(
    folder: Folder, lake: Lake, lists: list[dict[str, Any]]
) -> None:
    for account in ("111122223333", "444455556666"):
        for region in ("eu-west-1", "us-east-1"):
            key = object_key(1, START + timedelta(minutes=5))
            key = key.replace("111122223333", account).replace("eu-west-1", region)
            folder.put(key.replace("AWSLogs/", "AWSLogs/o-abc123/"), object_body(int(account[0])))
    arn = "arn:aws:elasticloadbalancing:us-east-1:444455556666:loadbalancer/app/shop/50dc6c495c0c9188"
    assert pull(f"{folder.uri}/", lake, HOUR, load_balancer=arn).ingested == 1
    assert not any("111122223333" in start or "eu-west-1" in start for start in below(folder, lists))
    lists.clear()
    assert pull(f"{folder.uri}/", lake, HOUR, load_balancer="shop").ingested == 3
    assert any("111122223333" in start for start in below(folder, lists))


def test_an_object_that_was_delivered_after_midnight_is_found_in_the_next_days_folder(
    folder: Folder, lake: Lake
) -> None:
    midnight = START.replace(hour=0) + timedelta(days=1)
    last_hour = Window(midnight - timedelta(hours=1), midnight)
    for minutes in (-30, 0):
        key = object_key(30 + minutes, midnight + timedelta(minutes=minutes))
        folder.put(key.replace("/2026/03/02/", "/2026/03/03/"), object_body(30 + minutes))
    assert pull(f"{folder.uri}/", lake, last_hour).ingested == 2
    late = object_key(9, midnight - timedelta(minutes=20))
    folder.put(late.replace("/2026/03/02/", "/2026/03/03/"), object_body(9))
    assert pull(f"{folder.uri}/", lake, last_hour).ingested == 1


def test_an_object_that_is_delivered_twice_counts_once(folder: Folder, lake: Lake) -> None:
    key = object_key(1, START + timedelta(minutes=5))
    folder.put(key, object_body(1))
    folder.put(f"replica/{key}", object_body(1))
    first = pull(f"{folder.uri}/", lake, HOUR)
    assert (first.ingested, first.already_known, first.rows) == (1, 1, 5)
    folder.put(key, object_body(1))
    again = pull(f"{folder.uri}/", lake, HOUR)
    assert (again.ingested, again.rows) == (0, 0)
