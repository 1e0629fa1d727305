"""What a load balancer's attributes say about its logs."""

import pytest

from pipeline.errors import SourceError
from pipeline.ingest.discovery import LogPlaces

ARN = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/shop/50dc6c495c0c9188"
FOLDER = "AWSLogs/111122223333/elasticloadbalancing/eu-west-1/"


def on(kind: str, bucket: str, prefix: str | None = None) -> dict[str, str]:
    attributes = {f"{kind}.s3.enabled": "true", f"{kind}.s3.bucket": bucket}
    return attributes if prefix is None else {**attributes, f"{kind}.s3.prefix": prefix}


def test_each_kind_has_its_own_bucket_and_prefix() -> None:
    attributes = {
        **on("access_logs", "a", "prod/alb"),
        **on("connection_logs", "c", ""),
        **on("health_check_logs", "h"),
    }
    places = LogPlaces.of(ARN, attributes)
    assert places == LogPlaces(
        ARN, "eu-west-1", f"s3://a/prod/alb/{FOLDER}", f"s3://c/{FOLDER}", f"s3://h/{FOLDER}"
    )
    assert places.written_access_logs() == f"s3://a/prod/alb/{FOLDER}"
    assert list(places.written().values()) == ["access logs", "connection logs", "health check logs"]


def test_kinds_at_one_place_are_told_together() -> None:
    attributes = {**on("connection_logs", "c"), **on("access_logs", "a"), **on("health_check_logs", "a")}
    assert LogPlaces.of(ARN, attributes).written() == {
        f"s3://a/{FOLDER}": "access logs and health check logs",
        f"s3://c/{FOLDER}": "connection logs",
    }


@pytest.mark.parametrize("prefix", ["p", "/p", "p/", "/p/"])
def test_slashes_around_a_prefix_do_not_double(prefix: str) -> None:
    assert LogPlaces.of(ARN, on("access_logs", "a", prefix)).access_logs == f"s3://a/p/{FOLDER}"


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"access_logs.s3.bucket": "a"},
        {**on("access_logs", "a"), "access_logs.s3.enabled": "false"},
        {"access_logs.s3.enabled": "true", "access_logs.s3.bucket": ""},
    ],
)
def test_logs_that_are_not_switched_on_have_no_place(attributes: dict[str, str]) -> None:
    places = LogPlaces.of(ARN, attributes)
    assert places.access_logs is None
    with pytest.raises(SourceError, match="writes no access logs"):
        places.written_access_logs()


def test_partitions_other_than_aws_are_read_alike() -> None:
    arn = ARN.replace("arn:aws:", "arn:aws-cn:").replace("eu-west-1", "cn-north-1")
    places = LogPlaces.of(arn, on("access_logs", "a"))
    assert places.region == "cn-north-1"
    assert places.access_logs == f"s3://a/{FOLDER.replace('eu-west-1', 'cn-north-1')}"


@pytest.mark.parametrize("arn", [ARN.replace("/app/", "/net/"), "arn:aws:s3:::bucket", "shop"])
def test_anything_but_an_application_load_balancer_is_refused(arn: str) -> None:
    with pytest.raises(SourceError, match="is no Application Load Balancer"):
        LogPlaces.of(arn, {})
