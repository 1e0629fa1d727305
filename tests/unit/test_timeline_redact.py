"""People leave what AWS and Kubernetes tell; services, roles and instances stay."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.redaction import Redaction
from pipeline.timeline.redact import Scrubber

CUT = Scrubber(Redaction("truncate"))
CODED = Scrubber(Redaction("hash", b"0123456789abcdef"))
STS = "arn:aws:sts::111122223333:assumed-role"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"{STS}/Admin/alice@example.com", f"{STS}/Admin/redacted"),
        (f"{STS}/Admin/alice is not authorized", f"{STS}/Admin/redacted is not authorized"),
        (f"{STS}/Nodes/i-0123456789abcdef0", f"{STS}/Nodes/i-0123456789abcdef0"),
        (
            f"{STS}/AWSServiceRoleForAutoScaling/AutoScaling",
            f"{STS}/AWSServiceRoleForAutoScaling/AutoScaling",
        ),
        ("arn:aws:iam::111122223333:user/ops/alice", "arn:aws:iam::111122223333:user/redacted"),
        ("arn:aws-cn:iam::111122223333:user/alice", "arn:aws-cn:iam::111122223333:user/redacted"),
        ("arn:aws:iam::111122223333:role/Admin", "arn:aws:iam::111122223333:role/Admin"),
        ("ask alice+oncall@mail.example.com", "ask redacted"),
        ("registry/app@sha256:0123", "registry/app@sha256:0123"),
        ("1.2.3@4.5.6", "1.2.3@4.5.6"),
    ],
)
def test_free_text_loses_names_and_mail_addresses(text: str, kept: str) -> None:
    assert CUT.text(text) == kept
    assert CUT.text(kept) == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"sourceIPAddress": "192.0.2.7"}, {"sourceIPAddress": "192.0.2.0"}),
        ({"sourceIPAddress": "autoscaling.amazonaws.com"}, {"sourceIPAddress": "autoscaling.amazonaws.com"}),
        ({"sourceIPAddress": "AWS Internal"}, {"sourceIPAddress": "AWS Internal"}),
        ({"userAgent": "aws-cli/2 alice"}, {"userAgent": "aws-cli"}),
        ({"Username": "alice", "AccessKeyId": "AKIA"}, {"Username": "redacted"}),
        ({"username": "system:node:ip-10-0-0-1"}, {"username": "system:node:ip-10-0-0-1"}),
        ({"userIdentity": {"type": "Root", "sessionContext": {}}}, {"userIdentity": {"type": "Root"}}),
        (
            {"userIdentity": "odd", "sourceIPs": 7, "userAgent": []},
            dict.fromkeys(("userIdentity", "sourceIPs", "userAgent")),
        ),
        ({"message": '{"sourceIPAddress":"192.0.2.7"}'}, {"message": '{"sourceIPAddress":"192.0.2.0"}'}),
        ({"message": '{"cut'}, {"message": ""}),
        ({"message": "plain words"}, {"message": "plain words"}),
        ({"Instances": [{"KeyName": "alice", "InstanceId": "i-1"}]}, {"Instances": [{"InstanceId": "i-1"}]}),
    ],
)
def test_json_of_any_depth_loses_its_people(value: object, kept: object) -> None:
    assert CUT.scrubbed({"a": [value]}) == {"a": [kept]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["a", "message", "userIdentity", "user", "username", "sourceIPAddress", "apiVersion"]
            )
            | st.text(max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_taken_and_scrubbing_twice_is_scrubbing_once(value: object) -> None:
    for scrubber in (CUT, CODED):
        once = scrubber.scrubbed(value)
        assert scrubber.scrubbed(once) == once


def test_a_packed_file_stays_a_packed_file() -> None:
    packed = CUT.packed(gzip.compress(json.dumps({"Records": [{"sourceIPAddress": "192.0.2.7"}]}).encode()))
    assert packed is not None
    assert json.loads(gzip.decompress(packed)) == {"Records": [{"sourceIPAddress": "192.0.2.0"}]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"plain",
        gzip.compress(b"{}", mtime=0)[:-9],
        gzip.compress(b"no json", mtime=0),
        gzip.compress(b"{}", mtime=0) * 2,
    ],
)
def test_what_cannot_be_read_cannot_be_redacted(content: bytes) -> None:
    assert CUT.packed(content) is None


def test_one_person_is_one_code() -> None:
    found = CODED.scrubbed({"Username": "alice", "arn": f"{STS}/Admin/alice"})
    assert found["arn"] == f"{STS}/Admin/{found['Username']}"
