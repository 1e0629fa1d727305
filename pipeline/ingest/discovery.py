"""Where a load balancer's logs lie, asked of the load balancer itself."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from pipeline.errors import SourceError, UsageError
from pipeline.ingest import s3_session
from pipeline.ingest.refusals import refusal, said

_ARN = re.compile(
    r"arn:aws[a-z-]*:elasticloadbalancing:(?P<region>[a-z0-9-]+):(?P<account>\d{12})"
    r":loadbalancer/(?P<id>(?P<kind>[^/]+)/(?P<name>[^/]+)/[^/]+)"
)
_KINDS = ("access_logs", "connection_logs", "health_check_logs")
_ID = re.compile(r"[^/]+/(?P<name>[^/]+)/[^/]+")


@dataclass(frozen=True, slots=True)
class LogPlaces:
    """Where a load balancer writes each kind of log: ``s3://bucket/…/<region>/``; None: it does not."""

    arn: str
    region: str
    """Of the load balancer, and so of its buckets."""
    access_logs: str | None
    connection_logs: str | None
    health_check_logs: str | None

    @classmethod
    def of(cls, arn: str, attributes: Mapping[str, str]) -> Self:
        """The places that attributes name; one that is left out is switched off."""
        found = _ARN.fullmatch(arn)
        if found is None or found["kind"] != "app":
            raise SourceError(f"{arn}: is no Application Load Balancer; only their logs tell of 502 and 504")
        folder = f"AWSLogs/{found['account']}/elasticloadbalancing/{found['region']}/"

        def place(kind: str) -> str | None:
            bucket = attributes.get(f"{kind}.s3.bucket")
            if attributes.get(f"{kind}.s3.enabled") != "true" or not bucket:
                return None
            prefix = attributes.get(f"{kind}.s3.prefix", "").strip("/")
            return f"s3://{bucket}/{prefix}/{folder}" if prefix else f"s3://{bucket}/{folder}"

        return cls(arn, found["region"], *map(place, _KINDS))

    def written(self) -> dict[str, str]:
        """What lies at each place, that of the access logs first: often all kinds lie at one."""
        found: dict[str, list[str]] = {}
        for kind in _KINDS:
            place: str | None = getattr(self, kind)
            if place is not None:
                found.setdefault(place, []).append(kind.replace("_", " "))
        return {place: " and ".join(kinds) for place, kinds in found.items()}

    def written_access_logs(self) -> str:
        """The place of the access logs.

        Raises:
            SourceError: the load balancer writes none.
        """
        if self.access_logs is None:
            raise SourceError(
                f"{self.arn}: writes no access logs (access_logs.s3.enabled is not true); switch them on "
                f"with aws elbv2 modify-load-balancer-attributes --load-balancer-arn {self.arn} --attributes "
                "Key=access_logs.s3.enabled,Value=true Key=access_logs.s3.bucket,Value=BUCKET, "
                "or name older logs with --logs"
            )
        return self.access_logs


def find(load_balancer: str) -> LogPlaces:
    """Ask Elastic Load Balancing, with the credentials of the ordinary chain.

    Args:
        load_balancer: name, ``app/name/id`` or ARN; an ARN names its region, else one has to be configured.

    Raises:
        UsageError: no region is configured.
        SourceError: there is no such load balancer, or AWS refuses or cannot be reached.
    """
    given = _ARN.fullmatch(load_balancer)
    region = given["region"] if given else None
    with _explained(load_balancer), closing(s3_session.load_balancing(region)) as client:
        arn = _arn(client, load_balancer)
        answer = client.describe_load_balancer_attributes(LoadBalancerArn=arn)
    return LogPlaces.of(arn, {one["Key"]: one.get("Value", "") for one in answer["Attributes"]})


def _arn(client: Any, wanted: str) -> str:  # noqa: ANN401 - the client's type exists for the type checker only
    """ARN of the load balancer that is meant."""
    ident = _ID.fullmatch(wanted)
    by_arn, by_name = {"LoadBalancerArns": [wanted]}, {"Names": [ident["name"] if ident else wanted]}
    try:
        answer = client.describe_load_balancers(**(by_arn if wanted.startswith("arn:") else by_name))
    except client.exceptions.LoadBalancerNotFoundException:
        answer = {"LoadBalancers": []}
    arns = [str(one["LoadBalancerArn"]) for one in answer["LoadBalancers"]]
    found = next((arn for arn in arns if ident is None or arn.endswith(f"/{wanted}")), None)
    if found is None:
        raise SourceError(
            f"{wanted}: no such load balancer in {client.meta.region_name} for the credentials in use; check "
            "its name, the region (AWS_DEFAULT_REGION) and the account (AWS_PROFILE), or name the logs with "
            "--logs"
        )
    return found


@contextmanager
def _explained(wanted: str) -> Iterator[None]:
    """Say in the user's terms what AWS refused."""
    try:
        yield
    except ClientError as problem:
        raise _reason(problem, wanted) from problem
    except NoRegionError as problem:
        raise UsageError(
            f"{wanted}: no AWS region is configured to look for this load balancer in; set "
            "AWS_DEFAULT_REGION, give its ARN, or name the logs with --logs s3://bucket/prefix"
        ) from problem
    except NoCredentialsError as problem:
        raise SourceError(
            f"{wanted}: no AWS credentials were found to look for this load balancer with; set AWS_PROFILE "
            "or the usual variables, or name the logs with --logs"
        ) from problem
    except BotoCoreError as problem:
        raise SourceError(
            f"{wanted}: Elastic Load Balancing cannot be asked: {problem}; check the AWS credentials, region "
            "and endpoint"
        ) from problem


def _reason(problem: ClientError, wanted: str) -> SourceError:
    code, message = said(problem)
    action = f"elasticloadbalancing:{problem.operation_name}"
    why = refusal(problem, action) or f"{action} failed ({code}: {message})"
    return SourceError(f"{wanted}: {why}, or name the logs with --logs s3://bucket/prefix")
