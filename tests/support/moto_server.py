"""AWS as moto plays it, on loopback: Elastic Load Balancing with its attributes, IAM that refuses.

What moto leaves out: attributes that were never set, health check logs, states of a load balancer.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.request import Request, urlopen

import boto3
from moto.server import ThreadedMotoServer

ACCOUNT = "123456789012"
"""moto's own."""

_REGION = "eu-west-1"


@dataclass(frozen=True)
class Moto:
    """A running server; everything it holds is in eu-west-1."""

    endpoint: str

    def environment(self) -> dict[str, str]:
        """Variables that point the ordinary AWS chain at the server, with a key that may do everything."""
        return {
            "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2": self.endpoint,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_REGION": _REGION,
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:  # noqa: ANN401 - one for any service
        """A client that may do everything."""
        return _client(self.endpoint, service)

    def bucket(self, name: str) -> None:
        """A bucket: moto lets a load balancer write to none that it does not hold."""
        self.client("s3").create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": _REGION}
        )

    def load_balancer(self, name: str, **attributes: str) -> str:
        """Make one with attributes (``access_logs_s3_bucket`` for ``access_logs.s3.bucket``); its ARN."""
        elb = self.client("elbv2")
        subnets = [one["SubnetId"] for one in self.client("ec2").describe_subnets()["Subnets"]]
        made = elb.create_load_balancer(Name=name, Subnets=subnets)["LoadBalancers"][0]
        arn = str(made["LoadBalancerArn"])
        if attributes:
            named = [
                {"Key": key.replace("_s3_", ".s3."), "Value": value} for key, value in attributes.items()
            ]
            elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=named)
        return arn

    def user(self, *actions: str) -> dict[str, str]:
        """Variables of a user who may do these actions only; from now on nobody may do more."""
        iam = self.client("iam")
        iam.create_user(UserName="reader")
        key = iam.create_access_key(UserName="reader")["AccessKey"]
        if actions:
            statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            iam.put_user_policy(UserName="reader", PolicyName="reader", PolicyDocument=policy)
        self._tell("reset-auth", b"0")
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    def clear(self) -> None:
        """Forget everything; anybody may do everything."""
        self._tell("reset-auth", b"inf")
        self._tell("reset", b"")

    def _tell(self, what: str, said: bytes) -> None:
        asked = Request(  # noqa: S310 - loopback
            f"{self.endpoint}/moto-api/{what}", said, {"Content-Type": "text/plain"}, method="POST"
        )
        urlopen(asked).close()  # noqa: S310 - loopback


@cache
def _client(endpoint: str, service: str) -> Any:  # noqa: ANN401 - one for any service
    session = boto3.Session("any", "any", region_name=_REGION)
    return session.client(service, endpoint_url=endpoint)  # type: ignore[call-overload]  # any name


@contextmanager
def moto_server() -> Iterator[Moto]:
    """Serve on a free port of loopback until the block ends."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Moto(f"http://{host}:{port}")
    finally:
        server.stop()
