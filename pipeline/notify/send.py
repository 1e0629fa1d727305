"""One notice to one channel."""

from pipeline.notify.notice import Notice
from pipeline.schedule import Channel, Nightly


def send(notice: Notice, channel: Channel, settings: Nightly) -> str | None:
    """Send it.

    Returns:
        What is to be said of the delivery, though it arrived.

    Raises:
        DeliveryError: it did not arrive.
    """
    if channel == "slack" and settings.slack_url is not None:
        from pipeline.notify import slack  # noqa: PLC0415 - only who sends there need wait for it

        slack.send(notice, settings.slack_url.get_secret_value())
    elif channel == "webhook" and settings.webhook_url is not None:
        from pipeline.notify import webhook  # noqa: PLC0415 - as above

        secret = settings.webhook_secret
        url = settings.webhook_url.get_secret_value()
        webhook.send(notice, url, secret.get_secret_value() if secret is not None else None)
    elif channel == "mail":
        from pipeline.notify import mail  # noqa: PLC0415 - as above

        return mail.send(notice, settings.mail)
    return None
