"""What AWS can refuse, in the user's terms."""

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError, ParamValidationError

from pipeline.timeline.aws_faults import FAULTS, explain

ACTION = "ec2:DescribeInstances"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDenied", "denied"),
        ("UnauthorizedOperation", "denied"),
        ("ExpiredTokenException", "expired"),
        ("UnrecognizedClientException", "credentials"),
        ("RequestLimitExceeded", "throttled"),
        ("LoadBalancerNotFound", "not_found"),
        ("ServiceUnavailable", "failed"),
        ("", "failed"),
    ],
)
def test_a_code_has_its_class(code: str, kind: str) -> None:
    problem = ClientError({"Error": {"Code": code, "Message": "words\n" * 200}}, "DescribeInstances")
    fault = explain(problem, ACTION)
    assert fault.kind == kind
    assert len(fault.message) < 500
    assert not fault.is_for_all


def test_a_denial_names_the_action_to_allow() -> None:
    problem = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeInstances")
    assert explain(problem, ACTION).message == f"access denied; allow {ACTION} (AccessDenied: no)"


@pytest.mark.parametrize("problem", [NoCredentialsError(), NoRegionError()])
def test_what_no_service_can_answer_is_asked_once(problem: Exception) -> None:
    assert explain(problem, ACTION).is_for_all


@pytest.mark.parametrize("problem", [ParamValidationError(report="x"), KeyError("Result"), ValueError("x")])
def test_the_rest_is_told_as_it_is(problem: Exception) -> None:
    assert isinstance(problem, FAULTS)
    assert explain(problem, ACTION).kind == "failed"
