"""Sockets to listen on. Must never take a port silently from somebody else."""

import errno
import socket


class PortTaken(Exception):
    """One line that says which port, and what to do."""


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound socket with SO_REUSEPORT, so that several processes share one port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTaken(_advice(host, port, error)) from None
    listener.setblocking(False)
    return listener


def _advice(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use: stop the other program, or choose another port in the settings"
        )
    if error.errno == errno.EACCES:
        return (
            f"port {port} needs root or CAP_NET_BIND_SERVICE: use a port above 1023, or grant the capability"
        )
    return f"cannot listen on {host} port {port}: {error.strerror}"
