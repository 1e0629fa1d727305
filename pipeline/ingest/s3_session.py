"""Clients of AWS: the ordinary credential chain, or for S3 a role that it may assume."""

from contextlib import closing
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import CredentialProvider, DeferredRefreshableCredentials

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 6
_SESSION_NAME = "forensics"


def session(role: str | None, region: str | None = None) -> botocore.session.Session:
    """A session of its own: the shared one would keep the credentials of its first use.

    Args:
        role: ARN of the role to assume; None takes the chain's credentials as they are.
        region: where the role is asked for, if the chain names none.
    """
    core = botocore.session.Session()
    if role is not None:
        core.get_component("credential_provider").providers.insert(0, _Role(role, region))
    return core


def client(role: str | None, region: str | None = None) -> "S3Client":
    """A client that retries, slows down when it is throttled, and renews what expires.

    Args:
        role: ARN of the role to assume; None takes the credentials as they are.
        region: of the bucket; None takes that of the chain. S3 leads to another one by itself.

    Raises:
        BotoCoreError: region, profile or endpoint cannot be used. Credentials are first asked for later.
    """
    as_whom = boto3.Session(botocore_session=session(role, region))
    made: S3Client = as_whom.client("s3", region_name=region, config=_config())
    if "amazonaws.com" in made.meta.endpoint_url:
        return made
    made.close()
    return as_whom.client("s3", region_name=region, config=_config(s3={"addressing_style": "path"}))


def load_balancing(region: str | None) -> Any:  # noqa: ANN401 - no type stubs are installed for it
    """A client of Elastic Load Balancing with the credentials of the chain, never as a role.

    Args:
        region: where the load balancer is; None takes that of the chain.

    Raises:
        BotoCoreError: no region is known, or profile or endpoint cannot be used.
    """
    chain = boto3.Session(botocore_session=session(None))
    return chain.client("elbv2", region_name=region, config=_config())


def _config(**more: Any) -> Config:  # noqa: ANN401 - as Config takes them
    return Config(
        retries={"mode": "adaptive", "max_attempts": ATTEMPTS},
        max_pool_connections=16,
        connect_timeout=10,
        read_timeout=60,
        **more,
    )


class _Role(CredentialProvider):
    """Credentials of a role, asked of STS at first use and again before they expire."""

    METHOD = "assume-role"

    def __init__(self, role: str, region: str | None) -> None:
        """Ask nothing yet."""
        super().__init__()
        self._role = role
        self._region = region
        self._own = botocore.session.Session()

    def load(self) -> DeferredRefreshableCredentials:
        """Credentials that fetch themselves."""
        return DeferredRefreshableCredentials(self._assume, self.METHOD)

    def _assume(self) -> dict[str, str]:
        """Call sts:AssumeRole with the chain's own credentials."""
        region = self._own.get_config_variable("region") or self._region
        sts: Any = self._own.create_client(
            "sts", region_name=region, config=_config()
        )  # no type stubs for STS
        with closing(sts):
            given = sts.assume_role(RoleArn=self._role, RoleSessionName=_SESSION_NAME)["Credentials"]
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }
