"""TLS by the host's `openssl s_client`, for a Python that has no TLS client which checks names."""

import io
import os
import re
import select
import socket
import ssl
import subprocess
import threading
import time

from hardening.onhost.relay.certificate_names import address_of, is_for
from hardening.onhost.relay.files import read, write_durably

OPTION = re.compile(r"(?m)^ *(-[A-Za-z0-9_]+)")  # in the help of s_client
HANDSHAKE_END = re.compile(b"\n *Verify return code: [^\n]*\n(?:[^\n]*\n)*?---\n")
VERIFY_CODE = re.compile(r"(?m)^ *Verify return code: (\d+)")
VERIFY_ERROR = re.compile(r"verify error:num=\d+:([a-zA-Z0-9 ,-]+)")
PEM = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class UntrustedServer(IOError):
    """A certificate that is not good for this name."""


def run(argv):
    """Run a command without input; return its exit code and all its output. The code is None if it is not installed."""
    try:
        child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, close_fds=True
        )
    except (OSError, IOError):
        return None, ""
    output = child.communicate(b"")[0].decode("utf-8", "replace")
    return child.returncode, output


def s_client_options(config):
    """Return the options this openssl's s_client knows; versions differ."""
    if "s_client" not in config:
        known = run([config["openssl"], "s_client", "-help"])[1]
        config["s_client"] = set(OPTION.findall(known))
    return config["s_client"]


def openssl_lacks(config):
    """Return why openssl cannot do it here, or an empty text."""
    known = s_client_options(config)
    if not known:
        return "openssl is not installed"
    for option in ("-tls1_2", "-servername", "-CAfile", "-ign_eof"):
        if option not in known:
            return "this s_client has no %s (1.0.1 is needed)" % option
    if not system_authorities(config):
        return "no file of authorities was found; set ca_file"
    return ""


def system_authorities(config):
    """Return a file with the authorities to trust: the system's, and those of ca_file."""
    if "authorities" in config:
        return config["authorities"]
    places = (
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    )
    found = [place for place in places if os.path.isfile(place)][:1]
    found += [config["ca_file"]] if config["ca_file"] else []
    config["authorities"] = found[0] if found else ""
    if len(found) > 1:
        write_durably(config["spool"], "authorities.pem", b"\n".join(read(place) for place in found))
        config["authorities"] = os.path.join(config["spool"], "authorities.pem")
    return config["authorities"]


class ChannelReader(io.RawIOBase):
    """The file to read from that a channel's makefile returns."""

    def __init__(self, channel):
        io.RawIOBase.__init__(self)
        self.channel = channel

    def readable(self):
        """Return that it can be read."""
        return True

    def readinto(self, room):
        """Read into a buffer; return how much."""
        data = self.channel.recv(len(room))
        room[: len(data)] = data
        return len(data)


class Channel(object):
    """`openssl s_client` as a socket with TLS.

    A socket of ours on loopback carries its bytes to the connection that was dialled, so that proxy and STARTTLS are
    ours on every version. Nothing is written before chain and name are checked; old versions have no
    -verify_hostname, so the name is always read from the certificate here.
    """

    def __init__(self, config, dialled, host):
        self.config, self.host = config, host
        self.child = self.inner = None
        self.outer, self.left = dialled, b""
        try:
            self.open()
            self.judge(self.greeting())
        except Exception:
            self.close()
            raise

    def open(self):
        """Start s_client on a loopback connection, and a thread that carries its bytes to the server and back."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            known = s_client_options(self.config)
            argv = [
                self.config["openssl"],
                "s_client",
                "-connect",
                "127.0.0.1:%d" % listener.getsockname()[1],
            ]
            argv += ["-CAfile", system_authorities(self.config), "-verify", "9", "-tls1_2", "-ign_eof"]
            argv += [one for one in ("-verify_return_error", "-nocommands") if one in known]
            if address_of(self.host) is None:
                argv += ["-servername", self.host]
            self.child = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, close_fds=True
            )
            listener.settimeout(self.config["timeout"])
            self.inner = listener.accept()[0]
        finally:
            listener.close()
        for one in (self.inner, self.outer):
            one.settimeout(self.config["timeout"])
        pump = threading.Thread(target=carry, args=(self.inner, self.outer))
        pump.daemon = True
        pump.start()

    def greeting(self):
        """Return what s_client says of the handshake, up to where the data begins."""
        output = b""
        while True:
            found = HANDSHAKE_END.search(output)
            if found:
                self.left = output[found.end() :]
                return output[: found.end()].decode("latin-1")
            more = self.some(65536)
            if not more or len(output) > 1048576:
                return output.decode("latin-1")
            output += more

    def judge(self, output):
        """Check what s_client reports of chain and name. Raises Untrusted, IOError."""
        codes = VERIFY_CODE.findall(output)
        dead = not self.left and self.child.poll() is not None
        if not codes or "Cipher is (NONE)" in output or dead:
            end = time.time() + 2  # it says why on its other output, and ends
            while self.child.poll() is None and time.time() < end:
                time.sleep(0.01)
            if self.child.poll() is None:
                self.child.kill()
            why = self.child.communicate()[1].decode("latin-1")
            wrong = VERIFY_ERROR.findall(why)
            if wrong:
                raise UntrustedServer("the certificate of %s: %s" % (self.host, wrong[0]))
            raise IOError("TLS 1.2 with %s failed" % self.host)
        if set(codes) != set(["0"]):
            raise UntrustedServer("the certificate of %s: verify code %s" % (self.host, codes[-1]))
        found = PEM.search(output)
        if not found or not is_for(ssl.PEM_cert_to_DER_cert(found.group(0) + "\n"), self.host):
            raise UntrustedServer("the certificate of %s is for another name" % self.host)

    def some(self, most):
        """Return bytes that came within `timeout` seconds."""
        ready = select.select([self.child.stdout], [], [], self.config["timeout"])[0]
        if not ready:
            raise socket.timeout("timed out")
        return os.read(self.child.stdout.fileno(), most)

    def recv(self, most):
        """Return bytes, as a socket does."""
        if self.left:
            data, self.left = self.left[:most], self.left[most:]
            return data
        return self.some(most)

    def sendall(self, data):
        """Send all bytes, as a socket does."""
        view, fd = data, self.child.stdin.fileno()
        while view:
            if not select.select([], [fd], [], self.config["timeout"])[1]:
                raise socket.timeout("timed out")
            view = view[os.write(fd, view[:4096]) :]  # PIPE_BUF: a pipe that is ready takes so much at once

    def makefile(self, *args, **kwargs):
        """Return a file to read from, as a socket does."""
        return io.BufferedReader(ChannelReader(self))

    def close(self):
        """End s_client and close both connections."""
        child, self.child = self.child, None
        if child is not None:
            if child.poll() is None:
                child.kill()
            for one in (child.stdin, child.stdout, child.stderr):
                try:
                    one.close()
                except (OSError, IOError):
                    pass
            child.wait()
        for one in (self.inner, self.outer):
            if one is not None:
                try:
                    one.shutdown(socket.SHUT_RDWR)  # wakes the thread that carries
                except (OSError, IOError):
                    pass
                one.close()


def carry(inner, outer):
    """Carry bytes both ways until one side ends."""
    other = {inner: outer, outer: inner}
    try:
        while True:
            for one in select.select([inner, outer], [], [], 3600)[0]:
                data = one.recv(65536)
                if not data:
                    return
                other[one].sendall(data)
    except (OSError, IOError, ValueError, select.error):  # ValueError: closed meanwhile
        return
    finally:
        for one in (inner, outer):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except (OSError, IOError):
                pass
