"""E-mail over SMTP, for owners who are not in Slack: one plain-text message at a time, over TLS, to a server that the settings name."""

import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as LINES_OF_SMTP
from email.utils import format_datetime

from trimtab.adapters.http import LOOPBACK, Resolve, addresses_of, checked
from trimtab.errors import BadInput, Refused, TrimtabError, Upstream
from trimtab.settings import MailServer, Settings

TIMEOUT_SECONDS = 20
_ADDRESS = re.compile(r"[A-Za-z0-9._%+=/-]{1,64}@[A-Za-z0-9.-]{1,253}")


@dataclass(frozen=True, slots=True)
class SmtpMail:
    """One server, and as whom we send there."""

    server: MailServer | None
    """None = none is configured, and whoever sends is refused."""
    password: str
    may_be_private: bool
    clock: Callable[[], datetime]
    resolve: Resolve = addresses_of

    @classmethod
    def of(cls, settings: Settings, clock: Callable[[], datetime]) -> "SmtpMail":
        """The mail of a deployment. Raises BadInput where a password or a public server would be reached without TLS."""
        server = settings.mail_server
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
        may_be_private = server is not None and (server.host in settings.private_hosts or (settings.is_local and server.host in LOOPBACK))
        if server is not None and server.tls == "none" and (password or not may_be_private):
            raise BadInput("settings.mail_server.tls: none is for a private host without a password; use starttls or implicit")
        return cls(server, password, may_be_private, clock)

    @property
    def is_configured(self) -> bool:
        """False = whoever sends is refused."""
        return self.server is not None

    def send(self, to: str, subject: str, text: str, nonce: str) -> None:
        """Send one message; `nonce` is its Message-ID, so that a mailbox shows a repeated one once."""
        if self.server is None:
            raise Refused("mail: no server is configured; set settings.mail_server")
        whole = message(to, subject, text, nonce, self.server.sender, self.clock())
        try:
            with self._connected(self.server) as connection:
                connection.send_message(whole)
        except (OSError, smtplib.SMTPException) as error:
            raise refusal(self.server.host, error) from None

    def _connected(self, server: MailServer) -> smtplib.SMTP:
        """A session at the address that was checked, with the host's own name in TLS."""
        address = checked(server.host, list(self.resolve(server.host, server.port)), may_be_private=self.may_be_private)
        plain = socket.create_connection((str(address), server.port), TIMEOUT_SECONDS)
        connection = smtplib.SMTP(local_hostname=server.sender.rpartition("@")[2], timeout=TIMEOUT_SECONDS)
        try:
            connection.sock = _tls(server).wrap_socket(plain, server_hostname=server.host) if server.tls == "implicit" else plain
            _check(connection.getreply())
            if server.tls == "starttls":
                _start_tls(connection, server)
            if self.password:
                _login(connection, server.user or server.sender, self.password)
        except BaseException:
            plain.close()
            connection.close()
            raise
        return connection


def _check(reply: tuple[int, bytes]) -> None:
    code, words = reply
    if code != 220:
        raise smtplib.SMTPResponseException(code, words)


def _tls(server: MailServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.ca_file)


def _start_tls(connection: smtplib.SMTP, server: MailServer) -> None:
    """RFC 3207: what was said before TLS is forgotten, and a server that does not offer it gets nothing.

    smtplib's own would look for the name that it connected to, and we connect to an address.
    """
    connection.ehlo_or_helo_if_needed()
    if not connection.has_extn("starttls") or connection.sock is None:
        raise smtplib.SMTPNotSupportedError("STARTTLS is not offered")
    _check(connection.docmd("STARTTLS"))
    connection.sock = _tls(server).wrap_socket(connection.sock, server_hostname=server.host)
    connection.file = None
    connection.helo_resp, connection.ehlo_resp = None, None
    connection.esmtp_features, connection.does_esmtp = {}, False


def _login(connection: smtplib.SMTP, user: str, password: str) -> None:
    """Once, by one mechanism: smtplib's own would try a wrong password by each, and servers lock whoever does."""
    connection.ehlo_or_helo_if_needed()
    offered = connection.esmtp_features.get("auth", "").upper().split()
    connection.user, connection.password = user, password
    ways = {"PLAIN": connection.auth_plain, "LOGIN": connection.auth_login}
    way = next((name for name in ways if name in offered), None)
    if way is None:
        raise smtplib.SMTPNotSupportedError("neither AUTH PLAIN nor AUTH LOGIN is offered")
    connection.auth(way, ways[way])


def message(to: str, subject: str, text: str, nonce: str, sender: str, at: datetime) -> EmailMessage:
    """One message. Raises BadInput for what is no single address."""
    if not _ADDRESS.fullmatch(to):
        raise BadInput(f"mail: {to!a}: not an address; correct the team's email in owners.yaml")
    whole = EmailMessage(policy=LINES_OF_SMTP)
    whole["From"], whole["To"], whole["Subject"] = sender, to, " ".join(subject.split())
    whole["Date"] = format_datetime(at)
    whole["Message-ID"] = f"<{nonce}@{sender.rpartition('@')[2]}>"
    whole["Auto-Submitted"] = "auto-generated"
    whole.set_content(text)
    return whole


def refusal(host: str, error: OSError | smtplib.SMTPException) -> TrimtabError:
    """A lasting no to this message is a no; all else may be mended, and then the same message must still go."""
    code = _code(error)
    if 500 <= code < 600 and isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPSenderRefused | smtplib.SMTPDataError):
        return Refused(f"mail: {host}: {code}: the message was refused")
    return Upstream(f"mail: {host}: {type(error).__name__}{f' {code}' if code else ''}")


def _code(error: OSError | smtplib.SMTPException) -> int:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next((code for code, _ in error.recipients.values()), 0)
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0
