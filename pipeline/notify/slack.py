"""Slack, by an incoming webhook: blocks of plain text, so that text from logs mentions and links nothing."""

import logging
from http.client import HTTPException
from urllib.parse import urlsplit

from slack_sdk.errors import SlackClientError
from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    HeaderBlock,
    PlainTextObject,
    RichTextBlock,
    RichTextElementParts,
    RichTextPreformattedElement,
    SectionBlock,
)
from slack_sdk.webhook import WebhookClient

from pipeline.notify import faults
from pipeline.notify.notice import Notice, table

TIMEOUT_S = 15
_MOST_HEADER, _MOST_TEXT, _MOST_LINK = 150, 3000, 3000
"""Characters that Slack takes."""
_MOST_CAUSES = 20
_FAILURES = (OSError, HTTPException, SlackClientError, ValueError)
_OK = 200


def send(notice: Notice, url: str) -> None:
    """Post the notice.

    Raises:
        DeliveryError: it did not arrive; says nothing of the address.
    """
    silent = logging.getLogger("forensics.slack")  # slack_sdk's errors hold the address
    silent.setLevel(logging.CRITICAL + 1)
    client = WebhookClient(url, timeout=TIMEOUT_S, logger=silent, retry_handlers=[])
    try:
        answer = client.send(text=escaped(notice.title), blocks=blocks(notice), unfurl_links=False)
    except _FAILURES as problem:
        raise faults.because("slack", problem) from None
    if answer.status_code != _OK:
        raise faults.refused("slack", answer.status_code, answer.body, (url, urlsplit(url).path))


def blocks(notice: Notice) -> list[Block]:
    """The notice as Slack lays it out."""
    found: list[Block] = [
        HeaderBlock(text=_plain(notice.title, _MOST_HEADER)),
        SectionBlock(text=_plain(notice.verdict)),
    ]
    if notice.causes:
        shown = RichTextPreformattedElement(
            elements=[RichTextElementParts.Text(text=_cut(table(notice.causes[:_MOST_CAUSES])))]
        )
        found.append(RichTextBlock(elements=[shown]))
    if notice.remedy:
        found.append(SectionBlock(text=_plain(f"Change first: {notice.remedy}")))
    if notice.load_balancers:
        found.append(ContextBlock(elements=[_plain("Load balancers: " + ", ".join(notice.load_balancers))]))
    if notice.remarks:
        found.append(ContextBlock(elements=[_plain(" ".join(notice.remarks))]))
    found.append(ContextBlock(elements=[_plain(f"Key {notice.key}, the same in a repeat")]))
    link = notice.report_link
    if link is not None and len(link) <= _MOST_LINK:
        found.append(ActionsBlock(elements=[ButtonElement(text=_plain("Report"), url=link)]))
    elif notice.report is not None:
        found.append(ContextBlock(elements=[_plain(f"Report: {notice.report}")]))
    return found


def escaped(text: str) -> str:
    """Text for the one field that Slack reads as its markup: the line of the notification."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str, most: int = _MOST_TEXT) -> PlainTextObject:
    """Plain text is shown as it is: no mention, no link, no format."""
    return PlainTextObject(text=_cut(text, most), emoji=False)


def _cut(text: str, most: int = _MOST_TEXT) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
