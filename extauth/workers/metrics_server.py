"""The HTTP server of `metrics.listen`. It has one thread and serves one request at a time.

So clients that connect and say nothing take no threads and no descriptors from the status server.
"""

from __future__ import annotations

import io
import socket
import socketserver
import threading
from typing import TYPE_CHECKING, Any, TextIO
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

_TIMEOUT = 1.0  # seconds for a client to send the next bytes, or to take some


def start_metrics_server(address: tuple[str, int], collector: Collector) -> None:
    """Listen on this IP address and port, and serve in a thread. Raise OSError."""
    registry = CollectorRegistry()
    registry.register(collector)
    server = (_ServerV6 if ":" in address[0] else _Server)(address, _Handler)
    server.set_app(make_wsgi_app(registry))
    threading.Thread(target=server.serve_forever, daemon=True).start()


class _Server(WSGIServer):
    def server_bind(self) -> None:
        """Bind without looking up the name of the host: the name server may hang."""
        socketserver.TCPServer.server_bind(self)
        host, port = self.server_address[:2]
        self.server_name, self.server_port = str(host), port
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do nothing: the client has left, or it was too slow."""


class _ServerV6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = _TIMEOUT

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def get_stderr(self) -> TextIO:
        """Return where errors go: nowhere."""
        return io.StringIO()
