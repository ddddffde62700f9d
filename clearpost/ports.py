"""Ports on loopback: find a free one, or say who holds one. Must never listen on anything itself."""

import socket

import psutil


def free_port() -> int:
    """A port nobody listens on. Another program may take it before we do: the start then says so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_taken(port: int, host: str = "127.0.0.1") -> bool:
    """Whether listening there would fail. A port that only waits out old connections (TIME_WAIT) is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return False
        except OSError:
            return True
    return False


def is_allowed(port: int, host: str = "127.0.0.1") -> bool:
    """Whether this user may listen there at all: the lowest ports are for root."""
    with socket.socket() as probe:
        try:
            probe.bind((host, port))
        except PermissionError:
            return False
        except OSError:
            return True
    return True


def holder(port: int) -> str:
    """The program that listens on this port, as "name (process 123)", or "" where we may not know."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return ""
    for connection in connections:
        listens = connection.status == psutil.CONN_LISTEN and getattr(connection.laddr, "port", 0) == port
        if listens and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
            except psutil.NoSuchProcess:
                return ""
    return ""
