"""Classify errors of mail servers. https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1"""

import smtplib
import socket

PERMANENT = 500  # SMTP reply codes from here on are final
SERVER_ERRORS = (
    ConnectionError,
    TimeoutError,
    socket.gaierror,
    smtplib.SMTPAuthenticationError,
    smtplib.SMTPConnectError,
    smtplib.SMTPServerDisconnected,
)


def is_server_unusable(error: BaseException) -> bool:
    """Return whether other e-mails would fail, too. The packages of mail services wrap errors of connections."""
    causes = (error, error.__cause__, error.__context__)
    names = {type(cause).__name__ for cause in causes}
    return any(isinstance(cause, SERVER_ERRORS) for cause in causes) or bool(
        names & {"ConnectTimeout", "ReadTimeout"}
    )


def is_address_refused(error: BaseException) -> bool:
    """Return whether the server refuses the recipient permanently: it does not exist, or does not accept e-mails."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= PERMANENT for code, _message in error.recipients.values())
    is_service = type(error).__name__ in ("AnymailRecipientsRefused", "AnymailInvalidAddress")
    return is_service or (isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= PERMANENT)
