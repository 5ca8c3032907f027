"""The first tables, and Procrastinate's of its version 3.10."""

from __future__ import annotations

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001"
down_revision = None

TABLES = """
create table users (
    id text primary key,
    name text not null default '',
    tier text not null default 'free',
    served bigint not null default 0
);
create table snapshots (
    hash text primary key,
    content bytea not null,
    created_at timestamptz not null default now()
);
create table jobs (
    id uuid primary key,
    owner text not null references users (id),
    kind text not null,
    name text not null,
    state text not null,
    request json not null,
    snapshot text not null references snapshots (hash),
    rows_total bigint,
    rows_done bigint not null default 0,
    rows_failed bigint not null default 0,
    priority integer not null default 0,
    key text,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz,
    reason text,
    constraint jobs_owner_key unique (owner, key)
);
create index jobs_owner_created on jobs (owner, created_at);
create table chunks (
    job uuid not null references jobs (id) on delete cascade,
    work text not null,
    number integer not null,
    first bigint not null,
    last bigint not null,
    state text not null constraint chunks_state check (state in ('waiting', 'taken', 'done', 'failed')),
    tag bigint not null,
    attempt integer not null default 0,
    failures integer not null default 0,
    lost integer not null default 0,
    worker bigint,
    ticket bigint,
    begun_at timestamptz,
    finished_at timestamptz,
    seconds double precision,
    reason text,
    constraint chunks_pkey primary key (job, work, number)
);
create index chunks_open on chunks (state, worker) where state in ('waiting', 'taken');
create table parts (
    job uuid not null references jobs (id) on delete cascade,
    number integer not null,
    first bigint not null,
    last bigint not null,
    content bytea not null,
    constraint parts_pkey primary key (job, number)
);
create table files (
    job uuid not null references jobs (id) on delete cascade,
    name text not null,
    piece integer not null,
    content bytea not null,
    constraint files_pkey primary key (job, name, piece)
);
create table workers (
    id bigserial primary key,
    host text not null,
    pid integer not null,
    version text not null,
    began timestamptz not null default now(),
    beat timestamptz not null default now(),
    chunk text
);
create table events (
    id bigserial primary key,
    job uuid not null references jobs (id) on delete cascade,
    at timestamptz not null default now(),
    kind text not null,
    data json not null
);
create index events_job on events (job, id);
"""
"""Parquet and archives are compressed already: Postgres shall not try it again."""
STORAGE = """
alter table snapshots alter column content set storage external;
alter table parts alter column content set storage external;
alter table files alter column content set storage external;
"""


def upgrade() -> None:
    """Makes them."""
    connection = op.get_bind().connection.driver_connection  # SQLAlchemy's takes one statement at a time
    assert connection is not None
    for statements in (TABLES, STORAGE, SchemaManager.get_schema()):
        connection.execute(statements)
