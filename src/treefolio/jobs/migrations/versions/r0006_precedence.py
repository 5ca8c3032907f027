"""Which of their own jobs users want first."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds the column."""
    op.execute("alter table jobs add column precedence bigint not null default 0")
