"""A Postgres as an administrator has it: on the network, with users who must give their passwords."""

from __future__ import annotations

import os
import socket
import subprocess
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from service_samples import wait_for
from treefolio.jobs.programs import program
from treefolio.testing.postgres import PostgresServer

HOST = "127.0.0.1"
USER, PASSWORD = "treefolio", "p@ss/wört"
"""What a URL must escape."""
ESCAPED = "p%40ss%2Fw%C3%B6rt"
RULES = "host all all 127.0.0.1/32 scram-sha-256\n"


class NetworkPostgres:
    """A server on a free port of this machine, with one user; a context manager.

    Its data are made by the embedded one, which ends before it begins.
    """

    def __init__(self) -> None:
        self._embedded = PostgresServer()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self._embedded.__enter__()
        with psycopg.connect(self._embedded.url, autocommit=True) as connection:
            login = sql.SQL("create role {} login createdb password {}")
            connection.execute(login.format(sql.Identifier(USER), sql.Literal(PASSWORD)))
            connection.execute(sql.SQL("create database first owner {}").format(sql.Identifier(USER)))
        self._embedded.stop()
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._embedded.__exit__(kind, error, trace)

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        folder = self._embedded.folder
        rules = folder / "network_hba.conf"
        rules.write_text(RULES, encoding="utf-8")
        owner = folder.stat().st_uid
        os.chown(rules, owner, -1)
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = probe.getsockname()[1]
        options = {
            "listen_addresses": HOST,
            "port": self.port,
            "hba_file": rules,
            "unix_socket_directories": "",
        }
        self._process = subprocess.Popen(
            [program("postgres"), "-D", folder, *(f"--{name}={value}" for name, value in options.items())],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=None if owner == os.geteuid() else owner,
        )
        wait_for(self.answers, "Postgres")

    def answers(self) -> bool:
        """A user who gives the password comes in."""
        try:
            psycopg.connect(self.url("first"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str, password: str = ESCAPED) -> str:
        """Of a database, for its user."""
        return f"postgresql://{USER}:{password}@{HOST}:{self.port}/{database}"

    def database(self, name: str) -> str:
        """The URL of a new, empty database."""
        with psycopg.connect(self.url("first"), autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return self.url(name)
