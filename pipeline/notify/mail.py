"""E-mail: plain text, by SMTP."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate

from pipeline.notify import faults
from pipeline.notify.notice import Notice, table
from pipeline.schedule import Mail

TIMEOUT_S = 30.0


def send(notice: Notice, mail: Mail) -> str | None:
    """Send the notice to all recipients in one message.

    Returns:
        A sentence about the recipients that the server refused while it took others.

    Raises:
        DeliveryError: the server cannot be reached, or refuses sender, password or all recipients.
    """
    try:
        message = compose(notice, mail)
        with _connected(mail) as server:
            if mail.user is not None and mail.password is not None:
                server.login(mail.user, mail.password.get_secret_value())
            refused = server.send_message(message)
    except smtplib.SMTPRecipientsRefused as problem:
        code, words = next(iter(problem.recipients.values()))
        raise faults.refused("mail", code, words.decode("utf-8", "replace"), _secrets(mail)) from None
    except smtplib.SMTPResponseException as problem:
        raise faults.refused("mail", problem.smtp_code, _words(problem), _secrets(mail)) from None
    except (smtplib.SMTPException, OSError, ValueError) as problem:
        raise faults.because("mail", problem) from None
    return f"the server refused {', '.join(sorted(refused))}; the others have it" if refused else None


def compose(notice: Notice, mail: Mail) -> EmailMessage:
    """The message; its id is made from the notice's key, so that a repeat can be known as one.

    Raises:
        ValueError: an address holds a line break.
    """
    message = EmailMessage()
    message["Subject"] = notice.title
    message["From"] = mail.sender
    message["To"] = ", ".join(mail.to)
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = f"<{notice.key}@forensics.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_text(notice))
    return message


def _text(notice: Notice) -> str:
    parts = [notice.verdict]
    if notice.causes:
        parts.append(table(notice.causes))
    if notice.remedy:
        parts.append(f"Change first: {notice.remedy}")
    if notice.load_balancers:
        parts.append("Load balancers: " + ", ".join(notice.load_balancers))
    parts += notice.remarks
    if notice.report_link or notice.report:
        parts.append(f"Report: {notice.report_link or notice.report}")
    return "\n\n".join(parts) + "\n"


def _connected(mail: Mail) -> smtplib.SMTP:
    if mail.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=TIMEOUT_S, context=context)
    server = smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT_S)
    if mail.security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server


def _words(problem: smtplib.SMTPResponseException) -> str:
    said = problem.smtp_error
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


def _secrets(mail: Mail) -> tuple[str, ...]:
    return (mail.password.get_secret_value(),) if mail.password is not None else ()
