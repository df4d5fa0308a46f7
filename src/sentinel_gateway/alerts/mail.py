"""E-mail through a relay. The library blocks, so each channel has one thread; a deadline closes its socket.

A message has the same Message-ID however often it is sent, by which mailboxes drop what they have. Nothing is ever sent
without TLS where TLS was asked for, whatever the relay offers.
"""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as POLICY

from sentinel_gateway.alerts.channel import Answer, Verdict
from sentinel_gateway.alerts.posting import tls_of
from sentinel_gateway.alerts.wording import headline, lines, plain
from sentinel_gateway.domain.alert_settings import EmailSettings, Security, SendingSettings
from sentinel_gateway.domain.alerts import Alert

_MAX_SUBJECT = 200
_WORDS_MAX = 200


class Email:
    """See the module."""

    name = "email"

    def __init__(self, settings: EmailSettings, sending: SendingSettings) -> None:
        self._settings, self._sending = settings, sending
        self._thread = ThreadPoolExecutor(1, "alert-mail")
        self._socket: socket.socket | None = None

    async def send(self, alert: Alert) -> Answer:
        """See `Channel.send`."""
        seconds = self._sending.timeout.total_seconds()
        sending = asyncio.get_running_loop().run_in_executor(self._thread, self._send, message(alert, self._settings))
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(sending)
        except TimeoutError:
            self._cut()
            done, _ = await asyncio.wait([sending], timeout=seconds)
            if done and sending.result().verdict is Verdict.DELIVERED:
                return sending.result()
            return Answer(Verdict.LATER, f"no answer within {seconds:g} s")
        except asyncio.CancelledError:
            self._cut()
            raise

    async def close(self) -> None:
        """See `Channel.close`."""
        self._cut()
        self._thread.shutdown(wait=False)

    def _cut(self) -> None:
        """End what the thread waits for."""
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it may be closed by now, which is what is wanted
                self._socket.shutdown(socket.SHUT_RDWR)

    def _send(self, mail: EmailMessage) -> Answer:
        try:
            with self._connected() as relay:
                refused = relay.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            return Answer(Verdict.LATER, f"all recipients refused: {_said(next(iter(error.recipients.values())))}")
        except smtplib.SMTPDataError as error:
            verdict = Verdict.NEVER if error.smtp_code >= 500 else Verdict.LATER
            return Answer(verdict, _said((error.smtp_code, error.smtp_error)))
        except smtplib.SMTPResponseException as error:
            return Answer(Verdict.LATER, f"{type(error).__name__}: {_said((error.smtp_code, error.smtp_error))}")
        except (smtplib.SMTPException, OSError) as error:
            return Answer(Verdict.LATER, f"{type(error).__name__}: {plain(str(error), _WORDS_MAX)}")
        finally:
            self._socket = None
        return Answer(Verdict.DELIVERED, f"refused for {len(refused)} of its recipients" if refused else "accepted")

    def _connected(self) -> smtplib.SMTP:
        """A relay that knows us.

        Raises:
            smtplib.SMTPException, OSError: it does not answer, offers no TLS, or knows us not.
        """
        settings, seconds = self._settings, self._sending.timeout.total_seconds()
        if settings.security is Security.TLS:
            context = tls_of(self._sending)
            relay: smtplib.SMTP = smtplib.SMTP_SSL(settings.host, settings.port, timeout=seconds, context=context)
        else:
            relay = smtplib.SMTP(settings.host, settings.port, timeout=seconds)
        try:
            self._socket = relay.sock
            if settings.security is Security.STARTTLS:
                relay.starttls(context=tls_of(self._sending))
                self._socket = relay.sock
            if settings.username:
                relay.login(settings.username, settings.password)
        except (smtplib.SMTPException, OSError):
            relay.close()
            raise
        return relay


def message(alert: Alert, settings: EmailSettings) -> EmailMessage:
    """The mail: plain text only."""
    mail = EmailMessage(policy=POLICY)
    mail["From"] = Address(addr_spec=settings.sender)
    mail["To"] = [Address(addr_spec=one) for one in settings.recipients]
    mail["Subject"] = plain(headline(alert), _MAX_SUBJECT).replace("=?", "= ?")  # else read as encoded, and decoded
    mail["Date"] = datetime.fromtimestamp(alert.last_ns // 10**9, UTC)
    mail["Message-ID"] = f"<{alert.alert_id}@sentinel-gateway.invalid>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join((headline(alert), "", *(f"{name}: {value}" for name, value in lines(alert)), "")))
    return mail


def _said(reply: tuple[int, bytes | str]) -> str:
    code, words = reply
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {plain(text, _WORDS_MAX)}"
