"""An SFTP server on the loopback of this process, with the faults that a test asks for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)
from paramiko.sftp import SFTP_FAILURE, SFTP_NO_SUCH_FILE

USER, PASSWORD = "settle", "s3cret-word"


@dataclass
class Served:
    """A running server. `break_after`: the connection ends when so many bytes of files were read; 0 is never."""

    folder: Path
    port: int
    host_key: paramiko.PKey
    break_after: int = 0
    read: int = 0
    offsets: list[int] = field(default_factory=list)
    grow: str = ""

    @property
    def url(self) -> str:
        return f"sftp://{USER}@127.0.0.1:{self.port}/out"

    def known_hosts(self, key: paramiko.PKey | None = None) -> str:
        """The line of a known_hosts file; of another key, if one is given."""
        shown = key or self.host_key
        return f"[127.0.0.1]:{self.port} {shown.get_name()} {shown.get_base64()}\n"


class _Door(paramiko.ServerInterface):
    def __init__(self, allowed: paramiko.PKey | None) -> None:
        self.allowed = allowed

    def check_auth_password(self, username: str, password: str) -> int:
        good = (username, password) == (USER, PASSWORD)
        return AUTH_SUCCESSFUL if good else AUTH_FAILED

    def check_auth_publickey(self, username: str, key: Any) -> int:
        good = username == USER and self.allowed is not None and key == self.allowed
        return AUTH_SUCCESSFUL if good else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"


class _Handle(paramiko.SFTPHandle):
    served: Served
    transport: paramiko.Transport

    def read(self, offset: int, length: int) -> Any:
        # Where the connection is to break, nothing beyond is read: the transport may be torn down at any moment.
        if self.served.break_after and self.served.read >= self.served.break_after:
            self.transport.close()
            return SFTP_FAILURE
        data = super().read(offset, length)
        if isinstance(data, bytes):
            self.served.read += len(data)
            self.served.offsets.append(offset)
        return data


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, server: Any, served: Served, transport: paramiko.Transport, *args: Any, **kwargs: Any) -> None:
        super().__init__(server, *args, **kwargs)
        self.served, self.transport = served, transport

    def _local(self, path: str) -> Path:
        return self.served.folder / path.lstrip("/")

    def list_folder(self, path: str) -> Any:
        folder = self._local(path)
        if not folder.is_dir():
            return SFTP_NO_SUCH_FILE
        return [paramiko.SFTPAttributes.from_stat(each.stat(), each.name) for each in folder.iterdir()]

    def stat(self, path: str) -> Any:
        file = self._local(path)
        if file.name == self.served.grow:
            with file.open("ab") as stream:
                stream.write(b"more\n")
        return paramiko.SFTPAttributes.from_stat(file.stat()) if file.exists() else SFTP_NO_SUCH_FILE

    def open(self, path: str, flags: int, attr: Any) -> Any:
        handle = _Handle(flags)
        handle.served, handle.transport = self.served, self.transport
        setattr(handle, "readfile", self._local(path).open("rb"))  # noqa: B010
        return handle


@contextmanager
def serving(folder: Path, allowed: paramiko.PKey | None = None) -> Iterator[Served]:
    """Serve a folder until the block ends; `allowed` is the key of the one account."""
    (folder / "out").mkdir(parents=True, exist_ok=True)
    listener = socket.create_server(("127.0.0.1", 0))
    served = Served(folder, listener.getsockname()[1], paramiko.ECDSAKey.generate())
    transports: list[paramiko.Transport] = []

    def run() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                transport = paramiko.Transport(connection)
                transports.append(transport)
                transport.add_server_key(served.host_key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, served, transport)
                with suppress(paramiko.SSHException, EOFError):
                    transport.start_server(server=_Door(allowed))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        listener.close()
        for transport in transports:
            transport.close()
