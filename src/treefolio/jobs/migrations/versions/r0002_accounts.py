"""Users who log in: passwords, sessions, tokens, one-time links."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
alter table users add column handle text;
alter table users add column password text;
alter table users add column administrator boolean not null default false;
alter table users add column disabled boolean not null default false;
alter table users add column created_at timestamptz not null default now();
alter table users add constraint users_handle unique (handle);
create table links (
    owner text primary key references users (id) on delete cascade,
    digest bytea not null constraint links_digest unique,
    expires_at timestamptz not null
);
create table sessions (
    id uuid primary key,
    owner text not null references users (id) on delete cascade,
    digest bytea not null constraint sessions_digest unique,
    agent text not null default '',
    created_at timestamptz not null default now(),
    seen_at timestamptz not null default now()
);
create index sessions_owner on sessions (owner);
create table tokens (
    id uuid primary key,
    owner text not null references users (id) on delete cascade,
    name text not null,
    digest bytea not null constraint tokens_digest unique,
    shown text not null,
    scopes text[] not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    used_at timestamptz
);
create index tokens_owner on tokens (owner);
"""


def upgrade() -> None:
    """Makes the tables."""
    connection = op.get_bind().connection.driver_connection  # SQLAlchemy's takes one statement at a time
    assert connection is not None
    connection.execute(TABLES)
