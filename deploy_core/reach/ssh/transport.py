"""TCP, banner and key exchange: paramiko's Transport with our algorithms, and with an end to every read and write."""

import contextlib
import logging
import socket
import struct
import time
from typing import TYPE_CHECKING, cast

import paramiko
from paramiko.common import MSG_CHANNEL_WINDOW_ADJUST, cMSG_CHANNEL_REQUEST
from paramiko.packet import Packetizer
from paramiko.ssh_exception import IncompatiblePeer

from deploy_core.errors import HostKeyError, Unreachable

from .keys import short

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# What it has to say is in its exceptions; its log would only add tracebacks to ours.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)

#: A peer that acknowledges nothing for so long is gone, whatever TCP still hopes for.
SILENCE_S = 45
BANNER_BYTES = 64 * 1024
_ENDLESS = "a banner without end"

#: OpenSSH invites 2 MB per channel, and keeps what its program has not read yet in one buffer that it copies whole for
#: every packet that makes it grow: taking the invitation costs it more than all the rest of an upload. So we send this
#: much ahead, or as much as FASTEST_BYTES_S needs where the way is long. It tells what was read once that is more than
#: three packets (96 KB), so less would never be answered.
AHEAD_BYTES = 256 * 1024
FASTEST_BYTES_S = 100_000_000

#: What paramiko raises for a connection that is no longer, or never was, one.
LOST = (paramiko.SSHException, EOFError, OSError)


class _Packets(Packetizer):
    """Reads and writes that end.

    paramiko's handshake timer is a thread that outlives a failed handshake (ours has a deadline anyway), a banner
    without a newline is read for as long as it drips, and `write_all` repeats for ever when the peer reads nothing.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.write_end = float("inf")
        self._plain = sock
        self._banner_bytes = 0

    def start_handshake(self, timeout: float) -> None:
        return

    def _read_timeout(self, timeout: float) -> bytes:
        piece: bytes = super()._read_timeout(timeout)  # type: ignore[misc]
        self._banner_bytes += len(piece)
        if self._banner_bytes > BANNER_BYTES:
            raise EOFError(_ENDLESS)
        return piece

    def write_all(self, out: "ReadableBuffer") -> None:
        view = memoryview(out)
        while view:
            if self.closed:
                raise EOFError("closed")
            try:
                view = view[self._plain.send(view) :]
            except (TimeoutError, BlockingIOError):
                if time.monotonic() > self.write_end:
                    raise EOFError("nothing was accepted in time") from None
            except OSError as error:
                raise EOFError(str(error)) from error


def _window_adjust(channel: paramiko.Channel, message: paramiko.Message) -> None:
    """paramiko's, but of the first invitation only as much is taken as the transport wants to be ahead."""
    invited = message.get_int()
    transport = cast(Transport, channel.transport)
    with channel.lock:
        if channel.chanid not in transport.invited:
            transport.invited.add(channel.chanid)
            if channel.out_window_size == 0:
                invited = min(invited, transport.ahead_bytes)
        channel.out_window_size += invited
        channel.out_buffer_cv.notify_all()


class Transport(paramiko.Transport):
    """Ciphers by measured cost (GCM is half the price of paramiko's default), no SHA-1, slow key exchanges last."""

    packetizer: _Packets
    is_service_accepted = False
    ahead_bytes = 2**31

    _channel_handler_table = {
        **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined]
        MSG_CHANNEL_WINDOW_ADJUST: _window_adjust,
    }
    _preferred_ciphers = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr")
    _preferred_macs = (
        "hmac-sha2-256-etm@openssh.com",
        "hmac-sha2-512-etm@openssh.com",
        "hmac-sha2-256",
        "hmac-sha2-512",
    )
    _preferred_kex = tuple(
        name
        for name in (
            "mlkem768x25519-sha256",
            "curve25519-sha256@libssh.org",
            "ecdh-sha2-nistp256",
            "ecdh-sha2-nistp384",
            "diffie-hellman-group16-sha512",
            "diffie-hellman-group14-sha256",
        )
        if name in paramiko.Transport._kex_info  # type: ignore[attr-defined]
    )

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock, packetizer_class=_Packets)
        self.invited: set[int] = set()

    def measure(self) -> None:
        """Find out how far ahead of its reader an upload should be."""
        if "OpenSSH" in self.remote_version and (seconds := _round_trip_s(self.sock)) is not None:
            self.ahead_bytes = max(AHEAD_BYTES, int(seconds * FASTEST_BYTES_S))

    def prefer_host_key(self, kind: str) -> None:
        """Ask for the pinned kind, so that a server with several keys shows the one that is known."""
        self._preferred_keys = ("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,)

    def request(self, channel: paramiko.Channel, kind: str, text: str) -> None:
        """Ask for an `exec` or a `subsystem` without waiting: a refusal closes the channel, which is soon seen."""
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(channel.remote_chanid)
        message.add_string(kind)
        message.add_boolean(True)
        message.add_string(text.encode("utf-8", "surrogateescape"))
        self._send_user_message(message)  # type: ignore[attr-defined]

    def end(self) -> None:
        """Close the socket and end the thread, in whatever state they are."""
        # The thread sleeps in recv for up to a tenth of a second; this wakes it at once.
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.close()
        self.sock.close()
        if self.is_alive():
            self.join(1.0)


def left(end: float) -> float:
    """Seconds until `end` on the monotonic clock.

    Raises:
        TimeoutError: none.
    """
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("not in time")
    return seconds


def detail(error: BaseException) -> str:
    """One line that says what happened, from exceptions that like to say nothing."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, EOFError) and not str(error):
        return "the connection was closed"
    if isinstance(error, paramiko.SSHException) and str(error).startswith("Error reading SSH protocol banner"):
        # paramiko's own words run on into those of what it met.
        return _ENDLESS if _ENDLESS in str(error) else "the connection was closed before a greeting came"
    return (str(error) or type(error).__name__).splitlines()[0][:200]


class _Way:
    """A channel through another server, in the place of a socket."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self.recv = channel.recv
        self.settimeout = channel.settimeout
        self.gettimeout = channel.gettimeout
        self.close = channel.close
        self.getpeername = channel.getpeername

    def send(self, data: "ReadableBuffer") -> int:
        return self._channel.send(bytes(data))

    def shutdown(self, how: int) -> None:
        self._channel.shutdown(how)

    @property
    def _closed(self) -> bool:
        """paramiko asks a socket for it while it waits for its thread."""
        return self._channel.closed


def through(jump: Transport, name: str, host: str, port: int, end: float) -> socket.socket:
    """A connection to `host` that a server we are logged in to makes for us.

    Raises:
        Unreachable: that server cannot reach it, or forbids tunnels.
    """
    try:
        channel = jump.open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=left(end))
    except LOST as error:
        raise Unreachable(server=name, host=host, port=port, detail=detail(error)) from error
    return cast(socket.socket, _Way(channel))


def handshake(
    name: str, host: str, port: int, end: float, *, pinned: str, made: socket.socket | None = None
) -> Transport:
    """A transport that has exchanged keys and sent nothing else, all before `end`; over `made`, if that is connected.

    Raises:
        Unreachable, HostKeyError: the latter when the server has no key of the pinned kind.
    """
    try:
        sock = made or _tcp(host, port, end)
    except (OSError, UnicodeError) as error:  # the latter: no name could look like that
        raise Unreachable(server=name, host=host, port=port, detail=detail(error)) from error
    try:
        transport = Transport(sock)
    except BaseException:
        sock.close()
        raise
    try:
        if pinned:
            transport.prefer_host_key(pinned.split()[0])
        transport.banner_timeout = transport.auth_timeout = transport.channel_timeout = left(end)
        transport.packetizer.write_end = end
        transport.start_client(timeout=left(end))
        if not transport.initial_kex_done:  # start_client returns without a word when its time is over
            raise TimeoutError
        transport.measure()
    except IncompatiblePeer as error:
        transport.end()
        if "host key" in str(error):
            raise HostKeyError(server=name, expected=short(pinned), got=detail(error)) from error
        raise Unreachable(server=name, host=host, port=port, detail=detail(error)) from error
    except LOST as error:
        is_late = time.monotonic() >= end - 0.05
        transport.end()
        what = "no answer in time" if is_late else detail(error)
        raise Unreachable(server=name, host=host, port=port, detail=what) from error
    except BaseException:
        transport.end()
        raise
    return transport


def _round_trip_s(sock: object) -> float | None:
    """The shortest round trip that the system saw on a connection, if it tells (Linux: tcp_info.tcpi_min_rtt, µs)."""
    if not (isinstance(sock, socket.socket) and hasattr(socket, "TCP_INFO")):
        return None
    told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return float(struct.unpack_from("I", told, 148)[0]) / 1e6 if len(told) >= 152 else None


def _tcp(host: str, port: int, end: float) -> socket.socket:
    """A connected socket; every address of the name is tried within the one deadline."""
    last: OSError = OSError("the name has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(left(end))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_S * 1000)
        except OSError as error:
            sock.close()
            last = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise last
