"""E-mail against a real SMTP server: TLS, a password, what it refuses, and what it forgets to answer."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from pydantic import SecretStr

from tests.judgement import NOW
from tests.tls_server import Authority, authority
from trimtab.adapters.mail import SmtpMail
from trimtab.errors import BadInput, Refused, Upstream
from trimtab.settings import MailServer, Settings

PASSWORD = "password-of-the-tests"


@dataclass
class Box:
    """What the server took, and what it says instead."""

    letters: list[Any] = field(default_factory=list)
    seen_auth: list[str] = field(default_factory=list)
    to_recipients: str = ""
    to_data: str = ""

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]) -> str:  # noqa: N802
        if self.to_recipients:
            return self.to_recipients
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if not self.to_data:
            self.letters.append((session.ssl is not None, envelope.mail_from, envelope.rcpt_tos, envelope.content.decode()))
        return self.to_data or "250 taken"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("smtp"))


@contextmanager
def serving(own: Authority, box: Box, *, starttls: bool = True) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.server)

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        box.seen_auth.append(data.password.decode())
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)

    def session() -> SMTP:
        if not starttls:
            return SMTP(box)
        return SMTP(box, tls_context=context, require_starttls=True, auth_required=True, authenticator=check)

    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(loop.create_server(session, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def mail(own: Authority, port: int, *, tls: str = "starttls", password: str = PASSWORD, host: str = "127.0.0.1", **more: Any) -> SmtpMail:
    server = MailServer(host=host, port=port, sender="trimtab@example.com", ca_file=str(own.ca), tls=tls)  # type: ignore[arg-type]
    secret = SecretStr(password) if password else None
    settings = Settings(store="s3://example", mail_server=server, smtp_password=secret, private_hosts=("127.0.0.1", "localhost"))
    return SmtpMail.of(settings.model_copy(update=more), lambda: NOW)


def test_a_message_arrives_once_over_tls_with_its_own_id(own: Authority) -> None:
    box = Box()
    with serving(own, box) as port:
        mail(own, port).send("batch@example.com", "A budget needs a look", "Spent: 5 USD\n.\nEnd\n", "n0nce")

    ((is_tls, sender, to, content),) = box.letters
    assert (is_tls, sender, to) == (True, "trimtab@example.com", ["batch@example.com"])
    assert "Message-ID: <n0nce@example.com>\r\n" in content
    assert "Date: Wed, 18 Nov 2026 10:00:00 +0000\r\n" in content
    assert content.endswith("Spent: 5 USD\r\n.\r\nEnd\r\n")


def test_the_same_nonce_is_the_same_message(own: Authority) -> None:
    box = Box()
    with serving(own, box) as port:
        for _ in range(2):
            mail(own, port).send("batch@example.com", "s", "t\n", "n0nce")

    assert len({content for _, _, _, content in box.letters}) == 1


@pytest.mark.security(14)
def test_a_server_without_tls_gets_neither_password_nor_message(own: Authority) -> None:
    box = Box()
    with serving(own, box, starttls=False) as port, pytest.raises(Upstream, match="SMTPNotSupportedError"):
        mail(own, port).send("batch@example.com", "s", "t", "n")

    assert (box.letters, box.seen_auth) == ([], [])


@pytest.mark.security(14)
def test_a_server_that_shows_another_certificate_gets_neither(own: Authority, tmp_path: Path) -> None:
    box = Box()
    with serving(authority(tmp_path), box) as port, pytest.raises(Upstream, match="SSLCertVerificationError"):
        mail(own, port).send("batch@example.com", "s", "t", "n")

    assert (box.letters, box.seen_auth) == ([], [])


@pytest.mark.security(14)
def test_a_public_name_that_leads_inward_is_not_connected_to(own: Authority) -> None:
    box = Box()
    with serving(own, box) as port:
        sent = mail(own, port, host="smtp.example.com")
        inward = SmtpMail(
            sent.server, sent.password, may_be_private=False, clock=sent.clock, resolve=lambda _h, _p: [ip_address("127.0.0.1")]
        )
        with pytest.raises(BadInput, match="not a public address"):
            inward.send("batch@example.com", "s", "t", "n")

    assert box.letters == []


@pytest.mark.security(14)
@pytest.mark.parametrize("change", [{"private_hosts": ()}, {"smtp_password": SecretStr(PASSWORD)}])
def test_no_tls_is_for_a_private_host_without_a_password(own: Authority, change: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"mail_server\.tls"):
        mail(own, 25, tls="none", password="", **change)


def test_inside_the_network_a_relay_may_be_plain(own: Authority) -> None:
    box = Box()
    with serving(own, box, starttls=False) as port:
        mail(own, port, tls="none", password="").send("batch@example.com", "s", "t", "n")

    assert len(box.letters) == 1


def test_a_wrong_password_is_an_operators_matter_and_is_in_no_message(own: Authority) -> None:
    box = Box()
    with serving(own, box) as port, pytest.raises(Upstream, match="SMTPAuthenticationError 535") as error:
        mail(own, port, password="another-password").send("batch@example.com", "s", "t", "n")

    assert "another-password" not in str(error.value)
    assert box.seen_auth == ["another-password"]


def recipients(answer: str) -> Box:
    return Box(to_recipients=answer)


def contents(answer: str) -> Box:
    return Box(to_data=answer)


@pytest.mark.parametrize("box", [recipients, contents])
@pytest.mark.parametrize(("answer", "kind"), [("550 no such user", Refused), ("451 greylisted", Upstream)])
def test_a_lasting_no_is_a_no_and_a_passing_one_is_tried_again(
    own: Authority, box: Callable[[str], Box], answer: str, kind: type[Exception]
) -> None:
    with serving(own, box(answer)) as port, pytest.raises(kind) as error:
        mail(own, port).send("batch@example.com", "s", "t", "n")

    assert type(error.value) is kind
    assert "batch@example.com" not in str(error.value)


@pytest.mark.parametrize("to", ["", "no address", "a@b.example, c@d.example", "a@b.example\r\nBcc: x@y.example", "<a@b.example>"])
def test_what_is_no_single_address_gets_nothing(own: Authority, to: str) -> None:
    with pytest.raises(BadInput, match="not an address"):
        mail(own, 1).send(to, "s", "t", "n")


def test_nobody_listening_is_tried_again(own: Authority) -> None:
    with pytest.raises(Upstream, match="ConnectionRefusedError"):
        mail(own, 1).send("batch@example.com", "s", "t", "n")


def test_without_a_server_whoever_sends_is_refused() -> None:
    none = SmtpMail.of(Settings(), lambda: NOW)

    assert not none.is_configured
    with pytest.raises(Refused, match=r"settings\.mail_server"):
        none.send("batch@example.com", "s", "t", "n")
