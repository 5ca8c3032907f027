"""Strategies with their versions, lists of values, shares."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = """
create table strategies (
    id uuid primary key,
    owner text not null references users (id),
    name text not null,
    folder text not null default '',
    tags text[] not null default '{}',
    key text,
    imported_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    constraint strategies_owner_key unique (owner, key)
);
create index strategies_owner_folder on strategies (owner, folder, name);
create table strategy_versions (
    strategy uuid not null references strategies (id) on delete cascade,
    number integer not null,
    hash text not null,
    text text not null,
    original bytea not null,
    format text not null,
    file_name text,
    report json not null,
    tickers text[] not null,
    note text not null default '',
    parent integer constraint strategy_versions_parent check (parent < number),
    made_at timestamptz not null default now(),
    constraint strategy_versions_pkey primary key (strategy, number),
    constraint strategy_versions_hash unique (strategy, hash)
);
create table variable_lists (
    id uuid primary key,
    owner text not null references users (id),
    name text not null,
    kind text not null constraint variable_lists_kind check (kind in ('ticker', 'number', 'date')),
    values json not null,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    constraint variable_lists_owner_name unique (owner, name)
);
create table shares (
    id uuid primary key,
    secret_hash text not null constraint shares_secret_hash unique,
    strategy uuid not null references strategies (id) on delete cascade,
    version integer,
    made_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    constraint shares_version foreign key (strategy, version)
        references strategy_versions (strategy, number) on delete cascade
);
create index shares_strategy on shares (strategy);
"""
"""A version stays as it is, whatever a later release of the service tries."""
FROZEN = """
create function strategy_versions_stay() returns trigger language plpgsql as
    $$ begin raise exception 'a version of a strategy stays as it is'; end $$;
create trigger strategy_versions_stay before update on strategy_versions
    for each row execute function strategy_versions_stay();
"""


def upgrade() -> None:
    """Makes the tables."""
    connection = op.get_bind().connection.driver_connection  # SQLAlchemy's takes one statement at a time
    assert connection is not None
    for statements in (TABLES, FROZEN):
        connection.execute(statements)
