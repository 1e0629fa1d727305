"""Notifications: what they say, what they must not say, and what arrives."""

import hmac
import json
import socket
from datetime import date
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pipeline.errors import DeliveryError
from pipeline.notify import mail, slack, webhook
from pipeline.notify.notice import Cause, Notice, document
from pipeline.notify.send import send
from pipeline.schedule import Mail, Nightly
from tests.support.aws_stand_in import Answer, Asked, stand_in
from tests.support.mail_server import mail_server

HOSTILE = "<!channel> <https://evil.example|Report> @here *b* _i_ `c` & &lt;"
TOKEN = "T000/B000/hushhush"  # noqa: S105 - a made-up one


def made(**parts: Any) -> Notice:  # noqa: ANN401 - any part of a notice
    usual: dict[str, Any] = {
        "key": "0123abcd",
        "day": date(2026, 3, 2),
        "verdict": "All 12 gateway errors have one cause: scale_in 12.",
        "errors": 12,
        "requests": 4000,
        "causes": [Cause("scale_in", "A node was taken away", 12)],
        "remedy": "Let nodes drain.",
        "load_balancers": ["app/shop/50dc6c495c0c9188"],
    }
    return Notice(**{**usual, **parts})


def texts(value: object) -> list[dict[str, Any]]:
    """Every object with a text in a message's blocks."""
    if isinstance(value, list):
        return [found for one in value for found in texts(one)]
    if not isinstance(value, dict):
        return []
    inner = [found for one in value.values() for found in texts(one)]
    return [value, *inner] if isinstance(value.get("text"), str) else inner


def test_slack_shows_text_from_logs_as_it_is_and_nothing_as_markup() -> None:
    notice = made(load_balancers=[HOSTILE], verdict=HOSTILE, remedy=HOSTILE)
    shown = texts([block.to_dict() for block in slack.blocks(notice)])
    assert {one["type"] for one in shown} <= {"plain_text", "text"}
    assert [one["text"] for one in shown if one["text"] == HOSTILE]
    assert any(HOSTILE in one["text"] for one in shown)


@given(st.text(max_size=80))
def test_the_one_line_that_slack_reads_as_markup_holds_none(text: str) -> None:
    assert not set("<>") & set(slack.escaped(text))
    assert slack.escaped(text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


def test_slack_gets_no_more_than_it_takes() -> None:
    long = made(
        verdict="v" * 9000,
        remedy="r" * 9000,
        load_balancers=["l" * 9000],
        causes=[Cause(f"cause_{n}" * 50, "", n) for n in range(60)],
        report_link="https://r.example/" + "x" * 4000,
        report="/reports/2026-03-02.html",
    )
    found = [block.to_dict() for block in slack.blocks(long)]
    assert len(found) <= 50
    assert max(len(one["text"]) for one in texts(found)) <= 3000
    assert "url" not in json.dumps(found)


def test_a_report_with_an_address_is_a_button_and_one_without_a_line() -> None:
    linked = json.dumps([one.to_dict() for one in slack.blocks(made(report_link="https://r.example/a.html"))])
    assert '"url": "https://r.example/a.html"' in linked
    plain = json.dumps([one.to_dict() for one in slack.blocks(made(report="/srv/a.html"))])
    assert "Report: /srv/a.html" in plain


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"is_correction": True}, "corrects what was said"),
        ({"is_incomplete": True}, "the answer may change"),
        ({"is_repeat": True}, "may have arrived before"),
    ],
)
def test_what_qualifies_the_answer_is_said_on_every_channel_for_people(
    parts: dict[str, bool], told: str
) -> None:
    notice = made(**parts)
    assert told in json.dumps([one.to_dict() for one in slack.blocks(notice)])
    assert told in mail.compose(notice, Mail(to=["a@example.org"])).get_content()
    assert told not in json.dumps([one.to_dict() for one in slack.blocks(made())])


def test_slack_gets_blocks_and_a_line() -> None:
    with stand_in(lambda _: Answer(200, b"ok")) as server:
        slack.send(made(), f"{server.endpoint}/services/{TOKEN}")
    (asked,) = server.asked
    body = json.loads(asked.body)
    assert asked.path == f"/services/{TOKEN}"
    assert body["text"] == "12 gateway errors on 2026-03-02 (UTC)"
    assert body["blocks"][0]["type"] == "header"
    assert body["unfurl_links"] is False


def test_a_webhook_is_signed_and_knows_its_notice_again() -> None:
    with stand_in(lambda _: Answer(204, b"")) as server:
        webhook.send(made(), f"{server.endpoint}/hook", "agreed")
        webhook.send(made(), f"{server.endpoint}/hook", None)
    signed, plain = server.asked
    expected = hmac.new(b"agreed", signed.body.encode(), sha256).hexdigest()
    assert signed.headers["x-forensics-signature-256"] == f"sha256={expected}"
    assert "x-forensics-signature-256" not in plain.headers
    assert signed.headers["idempotency-key"] == plain.headers["idempotency-key"] == "0123abcd"
    assert json.loads(signed.body) == document(made())
    assert json.loads(signed.body)["causes"] == [
        {"id": "scale_in", "title": "A node was taken away", "errors": 12}
    ]


def test_a_redirection_takes_the_notice_nowhere_else() -> None:
    with stand_in(lambda _: Answer(200, b"")) as elsewhere:
        with (
            stand_in(lambda _: Answer(307, b"", {"Location": f"{elsewhere.endpoint}/x"})) as server,
            pytest.raises(DeliveryError, match="refused with 307"),
        ):
            webhook.send(made(), f"{server.endpoint}/hook", "agreed")
        assert elsewhere.asked == []


def echo(asked: Asked) -> Answer:
    """A server that says in its answer where it was asked, with what signature."""
    return Answer(403, f"no {asked.path} {asked.headers}".encode())


@pytest.mark.parametrize("channel", ["slack", "webhook"])
@pytest.mark.parametrize("what", ["refused", "unreachable", "no address", "odd address"])
def test_an_error_holds_no_secret(channel: Any, what: str, capfd: pytest.CaptureFixture[str]) -> None:  # noqa: ANN401 - a Channel
    with stand_in(echo) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        place = {
            "refused": f"{server.endpoint}/{TOKEN}",
            "unreachable": f"http://127.0.0.1:{port}/{TOKEN}",
            "no address": f"gopher://{TOKEN}",
            "odd address": f"http://127.0.0.1:{port}/{TOKEN} \n",
        }[what]
        url = SecretStr(place)
        settings = Nightly(slack_url=url, webhook_url=url, webhook_secret=SecretStr("agreed"))
        with pytest.raises(DeliveryError) as raised:
            send(made(), channel, settings)
    said = str(raised.value) + "".join(capfd.readouterr()) + repr(settings)
    assert TOKEN not in said
    assert "hushhush" not in said
    assert "agreed" not in said
    assert str(raised.value).startswith(f"{channel}: ")


def test_only_who_was_never_reached_has_surely_nothing() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(DeliveryError) as never:
            webhook.send(made(), f"http://127.0.0.1:{closed.getsockname()[1]}/", None)
    with stand_in(lambda _: Answer(200, b"", promised=10)) as server, pytest.raises(DeliveryError) as perhaps:
        webhook.send(made(), f"{server.endpoint}/hook", None)
    assert not never.value.may_have_arrived
    assert perhaps.value.may_have_arrived


def test_a_mail_arrives_as_plain_text_with_an_id_of_its_own() -> None:
    with mail_server() as server:
        settings = Mail(to=["a@example.org", "b@example.org"], host="127.0.0.1", port=server.port)
        assert mail.send(made(report="/srv/r.html"), settings) is None
        assert mail.send(made(report="/srv/r.html"), settings) is None
    first, second = server.messages
    assert first["Subject"] == "12 gateway errors on 2026-03-02 (UTC)"
    assert first["Message-ID"] == second["Message-ID"] == "<0123abcd@forensics.invalid>"
    assert first["To"] == "a@example.org, b@example.org"
    assert first.get_content_type() == "text/plain"
    assert "12  scale_in" in first.get_content()
    assert "Report: /srv/r.html" in first.get_content()


def test_a_recipient_that_is_refused_does_not_make_the_others_get_it_twice() -> None:
    with mail_server() as server:
        server.refused = {"gone@example.org"}
        settings = Mail(to=["a@example.org", "gone@example.org"], host="127.0.0.1", port=server.port)
        remark = mail.send(made(), settings)
    assert remark is not None
    assert "gone@example.org" in remark
    assert len(server.messages) == 1


@pytest.mark.parametrize("trouble", ["full", "all refused", "unreachable"])
def test_mail_that_is_not_taken_is_an_error(trouble: str) -> None:
    with mail_server() as server:
        server.is_full = trouble == "full"
        server.refused = {"a@example.org"} if trouble == "all refused" else set()
        port = 1 if trouble == "unreachable" else server.port
        with pytest.raises(DeliveryError, match="mail: "):
            mail.send(made(), Mail(to=["a@example.org"], host="127.0.0.1", port=port))
    assert server.messages == []


def test_an_address_adds_no_header() -> None:
    evil = Mail(to=["a@example.org\nBcc: all@example.org"], host="127.0.0.1", port=1)
    with pytest.raises(ValueError, match=r"linefeed|newline|carriage"):
        mail.compose(made(), evil)
    with mail_server() as server, pytest.raises(DeliveryError):
        mail.send(made(), evil.model_copy(update={"port": server.port}))


@given(st.text(max_size=200))
def test_whatever_a_load_balancer_is_called_the_mail_has_its_headers_and_no_more(name: str) -> None:
    text = "".join(char for char in name if char.isprintable())
    message = mail.compose(made(load_balancers=[text]), Mail(to=["a@example.org"]))
    assert set(message.keys()) == {
        *("Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted"),
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
    }


def test_nothing_is_configured_by_default() -> None:
    assert Nightly().channels == ()
    assert Nightly(slack_url=SecretStr("https://x"), mail=Mail(to=["a@b"])).channels == ("slack", "mail")
