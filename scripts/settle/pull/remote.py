"""Where files are fetched from: a folder, a zip file, or a folder on an SFTP server."""

from __future__ import annotations

import stat
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from settle.errors import InputError, SettleError, TryAgainError
from settle.load.source import check_size, member_name

PORT = 22
SECONDS = 20
BLOCK, PIECE = 1 << 20, 1 << 15
ADD_KEY = "Ask its owner for the key's fingerprint, then add it: ssh-keyscan -p {port} {host} >> {file}"


@dataclass(frozen=True)
class RemoteFile:
    """A file as it is listed. `modified_at` is in whole seconds since 1970, as the other side's clock says."""

    name: str
    byte_count: int
    modified_at: int


class Remote(ABC):
    """An open place to fetch from. `shown` names it in messages and in the ledger, without secrets."""

    shown: str

    @abstractmethod
    def files(self) -> list[RemoteFile]:
        """The files, by name; folders are not followed."""

    @abstractmethod
    def chunks(self, file: RemoteFile, offset: int) -> Iterator[bytes]:
        """The bytes from `offset` on, piece by piece as they come."""

    @abstractmethod
    def again(self, file: RemoteFile) -> RemoteFile:
        """The file as it is listed now."""


class Folder(Remote):
    """A folder that is mounted here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shown = str(folder.absolute())

    def files(self) -> list[RemoteFile]:
        return [self._listed(path) for path in sorted(self.folder.iterdir()) if path.is_file()]

    def _listed(self, path: Path) -> RemoteFile:
        found = path.stat()
        return RemoteFile(path.name, found.st_size, int(found.st_mtime))

    def chunks(self, file: RemoteFile, offset: int) -> Iterator[bytes]:
        with (self.folder / file.name).open("rb") as stream:
            yield from _pieces(stream, offset)

    def again(self, file: RemoteFile) -> RemoteFile:
        return self._listed(self.folder / file.name)


class Zip(Remote):
    """The files of a zip, whatever folders they are in there."""

    def __init__(self, path: Path) -> None:
        self.shown = str(path.absolute())
        try:
            self.archive = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise InputError(f"{path}: is no zip file, or is cut short ({error}). Fetch it again.") from error
        self.members = {Path(member_name(info)).name: info for info in self.archive.infolist() if not info.is_dir()}
        if len(self.members) < sum(not info.is_dir() for info in self.archive.infolist()):
            raise InputError(f"{path}: two files in it have the same name. Unpack it, and load them one by one.")
        for name, info in self.members.items():
            check_size(f"{path}: {name}", info.compress_size, info.file_size)

    def files(self) -> list[RemoteFile]:
        return [RemoteFile(name, info.file_size, info.CRC) for name, info in sorted(self.members.items())]

    def chunks(self, file: RemoteFile, offset: int) -> Iterator[bytes]:
        try:
            with self.archive.open(self.members[file.name]) as stream:
                yield from _pieces(stream, offset)
        except (zipfile.BadZipFile, EOFError) as error:
            raise InputError(f"{self.shown}: {file.name} is damaged ({error}). Fetch the zip again.") from error

    def again(self, file: RemoteFile) -> RemoteFile:
        return file


class Sftp(Remote):
    """A folder on an SFTP server."""

    def __init__(self, client: Any, folder: str, shown: str) -> None:
        self.client, self.folder, self.shown = client, folder, shown

    def files(self) -> list[RemoteFile]:
        found = [entry for entry in self.client.listdir_attr(self.folder) if stat.S_ISREG(entry.st_mode or 0)]
        return [self._listed(entry.filename, entry) for entry in sorted(found, key=lambda entry: str(entry.filename))]

    def _listed(self, name: str, entry: Any) -> RemoteFile:
        return RemoteFile(name, int(entry.st_size), int(entry.st_mtime))

    def _path(self, file: RemoteFile) -> str:
        return f"{self.folder.rstrip('/')}/{file.name}" if self.folder != "." else file.name

    def chunks(self, file: RemoteFile, offset: int) -> Iterator[bytes]:
        with self.client.open(self._path(file), "rb") as stream:
            # A megabyte is asked for at once, as to wait for each piece is slow, and no more, as what was asked for
            # and has not come is lost when the connection breaks.
            for start in range(offset, file.byte_count, BLOCK):
                end = min(start + BLOCK, file.byte_count)
                yield from stream.readv([(at, min(PIECE, end - at)) for at in range(start, end, PIECE)])

    def again(self, file: RemoteFile) -> RemoteFile:
        return self._listed(file.name, self.client.stat(self._path(file)))


def _pieces(stream: IO[bytes], offset: int) -> Iterator[bytes]:
    stream.seek(offset)
    while piece := stream.read(BLOCK):
        yield piece


@contextmanager
def open_remote(url: str, variables: Mapping[str, str]) -> Iterator[Remote]:
    """Open `sftp://user@host:port/folder`, a folder or a zip file. `variables` hold the secrets (SETTLE_PULL_…).

    Raises InputError when the place or the account cannot be right, TryAgainError when it cannot be reached now.
    """
    if "://" not in url:
        path = Path(url)
        if path.is_dir():
            yield Folder(path)
            return
        if path.suffix.lower() == ".zip" and path.is_file():
            remote = Zip(path)
            with closing(remote.archive):
                yield remote
            return
        raise InputError(f"{url}: is no folder and no zip file. Name one, or sftp://USER@HOST/FOLDER.")
    parts = urlsplit(url)
    if parts.password is not None:
        raise InputError(
            f"sftp://{parts.hostname}: the address has a password in it, which other people can read in the list of "
            "processes. Take it out and set SETTLE_PULL_PASSWORD."
        )
    if parts.scheme != "sftp" or not parts.hostname or not parts.username:
        raise InputError(f"{url}: is no address to pull from. Write sftp://USER@HOST/FOLDER.")
    with ExitStack() as stack:
        port = parts.port or PORT
        client = stack.enter_context(_connected(parts.hostname, port, unquote(parts.username), variables))
        shown = f"sftp://{parts.username}@{parts.hostname}:{port}{parts.path}"
        with telling_what_broke(shown):
            sftp = client.open_sftp()
            stack.callback(_hung_up, sftp)
        yield Sftp(sftp, unquote(parts.path) or ".", shown)


@contextmanager
def telling_what_broke(shown: str) -> Iterator[None]:
    """Turn what a transfer can fail of into an error that says how to go on."""
    errors: tuple[type[BaseException], ...] = (EOFError, ConnectionError, TimeoutError)
    try:
        from paramiko import SSHException

        errors = (*errors, SSHException)
    except ImportError:
        pass
    try:
        yield
    except SettleError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{shown}: there is no such folder or file. Mend the address.") from error
    except PermissionError as error:
        raise InputError(f"{shown}: the server does not let this account in there. Ask its owner.") from error
    except errors as error:
        raise TryAgainError(
            f"{shown}: the connection broke ({type(error).__name__}). What had come is kept; pull again to go on."
        ) from error


def _hung_up(connection: Any) -> None:
    """Close; where the connection broke, that it cannot be closed is no news and must not hide why."""
    with suppress(EOFError, OSError):
        connection.close()


def _key(where: str, variables: Mapping[str, str]) -> Any:
    """The key that SETTLE_PULL_KEY names, if it names one."""
    import paramiko

    path, phrase = variables.get("SETTLE_PULL_KEY"), variables.get("SETTLE_PULL_PASSPHRASE")
    if not path:
        return None
    try:
        # The stubs say text; the library wants bytes.
        return paramiko.PKey.from_path(path, phrase.encode() if phrase else None)  # type: ignore[arg-type]
    except (OSError, TypeError, ValueError, paramiko.SSHException) as error:
        # Not with the error as its cause: it may quote what it could not read.
        raise InputError(
            f"{where}: the key of SETTLE_PULL_KEY cannot be read ({type(error).__name__}). Mend its path, or set "
            "SETTLE_PULL_PASSPHRASE."
        ) from None


@contextmanager
def _connected(host: str, port: int, user: str, variables: Mapping[str, str]) -> Iterator[Any]:
    try:
        import paramiko
    except ImportError as error:
        raise InputError("Pulling from SFTP needs one more library: pip install 'settle[sftp]'") from error
    known = Path(variables.get("SETTLE_KNOWN_HOSTS") or Path("~/.ssh/known_hosts").expanduser())
    client = paramiko.SSHClient()
    if known.is_file():
        client.load_host_keys(str(known))
    # A server that nobody vouches for gets nothing: neither our password nor a place in the list of known ones.
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    password = variables.get("SETTLE_PULL_PASSWORD")
    where = f"sftp://{user}@{host}:{port}"
    hint = ADD_KEY.format(host=host, port=port, file=known)
    key = _key(where, variables)
    with ExitStack() as stack:
        stack.callback(_hung_up, client)
        try:
            client.connect(
                host, port, user, password=password, pkey=key,
                allow_agent=not (key or password), look_for_keys=not (key or password),
                timeout=SECONDS, banner_timeout=SECONDS, auth_timeout=SECONDS,
            )  # fmt: skip
        except paramiko.BadHostKeyException as error:
            raise InputError(
                f"{where}: the server's key is not the one in {known}. Nothing was sent to it. Somebody may stand in "
                "between: ask the server's owner before you change the file."
            ) from error
        except paramiko.AuthenticationException as error:
            raise InputError(
                f"{where}: the server refuses the account. Set SETTLE_PULL_KEY to the key's file, or "
                "SETTLE_PULL_PASSWORD."
            ) from error
        except paramiko.SSHException as error:
            if "known_hosts" in str(error):
                raise InputError(f"{where}: the server is not in {known}. Nothing was sent to it. {hint}") from error
            raise TryAgainError(f"{where}: cannot be reached ({type(error).__name__}). Try again.") from error
        except (OSError, EOFError) as error:
            raise TryAgainError(f"{where}: cannot be reached ({type(error).__name__}). Try again.") from error
        yield client
