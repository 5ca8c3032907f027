"""Limits of users, schedules, whose prices are whose."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

# Until now there was one user, whose all prices are.
TABLES = """
alter table jobs alter column snapshot drop not null;
alter table jobs add column held boolean not null default false;
create index jobs_held on jobs (owner, created_at) where held;
alter table chunks add column warm boolean;
alter table users add column reached bigint not null default 0;
create table usage_days (
    owner text not null references users (id),
    day date not null,
    combinations bigint not null,
    constraint usage_days_pkey primary key (owner, day)
);
create table snapshot_owners (
    owner text not null references users (id),
    hash text not null references snapshots (hash),
    made timestamptz not null default now(),
    constraint snapshot_owners_pkey primary key (owner, hash)
);
create index snapshot_owners_hash on snapshot_owners (hash);
create index jobs_snapshot on jobs (snapshot);
insert into snapshot_owners (owner, hash) select users.id, snapshots.hash from users cross join snapshots;
create table schedules (
    id uuid primary key,
    owner text not null references users (id),
    name text not null,
    kind text not null,
    request json not null,
    at time,
    days text not null,
    enabled boolean not null default true,
    next_at timestamptz,
    last_job uuid references jobs (id) on delete set null,
    last_at timestamptz,
    last_reason text,
    made timestamptz not null default now(),
    constraint schedules_owner_name unique (owner, name)
);
"""


def upgrade() -> None:
    """Makes the tables."""
    connection = op.get_bind().connection.driver_connection  # SQLAlchemy's takes one statement at a time
    assert connection is not None
    connection.execute(TABLES)
