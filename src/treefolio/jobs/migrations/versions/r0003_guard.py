"""Keys of users, encrypted; the log of sensitive acts; logins by another service."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
create table secrets (
    owner text not null references users (id) on delete cascade,
    kind text not null,
    content bytea not null,
    shown jsonb not null,
    made_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    constraint secrets_pkey primary key (owner, kind)
);
create table audit (
    id bigserial primary key,
    at timestamptz not null default now(),
    who text,
    act text not null,
    what jsonb not null default '{}',
    address text not null default '',
    request_id text not null default ''
);
create index audit_who on audit (who, id);
create function audit_is_kept() returns trigger language plpgsql as $$
begin
    raise exception 'the log of sensitive acts is only added to' using errcode = 'insufficient_privilege';
end
$$;
create trigger audit_kept before update or delete or truncate on audit
    for each statement execute function audit_is_kept();
create table identities (
    provider text not null,
    subject text not null,
    owner text not null references users (id) on delete cascade,
    made_at timestamptz not null default now(),
    constraint identities_pkey primary key (provider, subject)
);
create table crossings (
    state text primary key,
    browser text not null,
    until timestamptz not null
);
"""


def upgrade() -> None:
    """Makes the tables."""
    connection = op.get_bind().connection.driver_connection  # SQLAlchemy's takes one statement at a time
    assert connection is not None
    connection.execute(TABLES)
