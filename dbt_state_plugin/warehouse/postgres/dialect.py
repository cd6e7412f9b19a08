"""PostgreSQL's dialect."""

from __future__ import annotations

from dbt_state_plugin.postgres.settings import MAX_IDENTIFIER_BYTES


class PostgresDialect:
    """See `core/values/dialect.py` for what each answer means.

    The patterns of the lexer take milliseconds to compile, so they are imported when a statement is first read.
    """

    version = 1  # a test holds it to the spelling
    read_only_session = ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET statement_timeout = '30s'")

    def was_created(self, message: str) -> bool:
        """Look at the command that the server says it has executed."""
        return message.upper().startswith(("SELECT", "CREATE"))

    def stored_name(self, name: str, rendered: str) -> str:
        """Fold an unquoted name to lower case and cut it where the server does."""
        folded = name if f'"{name}"' in rendered else name.lower()
        return folded.encode("utf-8", "surrogatepass")[:MAX_IDENTIFIER_BYTES].decode("utf-8", "ignore")

    def column_name(self, name: str, rendered: str) -> str | None:
        """Fold and cut it like any other name."""
        return self.stored_name(name, rendered)

    def type_name(self, text: str) -> str | None:
        """Look it up among the aliases."""
        from dbt_state_plugin.warehouse.postgres.type_names import type_name

        return type_name(text)

    def external_place(self, rendered: str) -> tuple[str, str] | None:
        """Return None: every source is a relation."""
        return None

    def spelling(self, sql: str) -> str | None:
        """Return the tokens in one spelling."""
        from dbt_state_plugin.warehouse.postgres.same_statement import canonical

        return canonical(sql)

    def same_statement(self, before: str, after: str) -> bool:
        """Compare the tokens, and the trees where there is a parser."""
        from dbt_state_plugin.warehouse.postgres.same_statement import same_statement

        return same_statement(before, after)

    def written_by(self, sql: str) -> frozenset[tuple[str, str]] | None:
        """Look at the words of each statement."""
        from dbt_state_plugin.warehouse.postgres.written import written_by

        return written_by(sql)

    def touched_by(self, sql: str) -> frozenset[tuple[str, str]] | None:
        """Look at the words of each statement."""
        from dbt_state_plugin.warehouse.postgres.written import touched_by

        return touched_by(sql)

    def is_deterministic(self, statement: str) -> bool:
        """Look at the words outside of comments."""
        from dbt_state_plugin.warehouse.postgres.deterministic import is_deterministic

        return is_deterministic(statement)


POSTGRES = PostgresDialect()
