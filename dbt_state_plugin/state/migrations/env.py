"""Alembic's environment: migrations as SQL text.

Alembic runs this file by its path; there is only the offline mode, so that what an administrator reads is what is run.
"""

from __future__ import annotations

from alembic import context

context.configure(
    dialect_name=context.config.get_main_option("dialect"),
    # Any other style doubles each percent sign, as if a driver were to bind values.
    dialect_opts={"paramstyle": "named"},
    literal_binds=True,
    # The key is added by version 0001, under the name that PostgreSQL gives it in schema.sql.
    version_table_pk=False,
    output_buffer=context.config.output_buffer,
)
context.run_migrations()
