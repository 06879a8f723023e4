"""Owns how the tables' types and SQLite's INSERT … ON CONFLICT are written for PostgreSQL.

Whole numbers have 64 bits, and texts are compared byte by byte, as in SQLite.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Integer, String, Text
from sqlalchemy.dialects.postgresql.base import PGTypeCompiler
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg, PGDialect_psycopg
from sqlalchemy.dialects.sqlite.dml import OnConflictClause


class _Whole(BigInteger):
    render_bind_cast = True


class _Compiler(PGCompiler_psycopg):
    def _on_conflict_target(self, clause: Any, **how: Any) -> str:
        if isinstance(clause, OnConflictClause):
            clause.constraint_target = None  # type: ignore[attr-defined] # SQLite names none
        return super()._on_conflict_target(clause, **how)

    def visit_sum_func(self, function: Any, **how: Any) -> str:
        """Of whole numbers the sum is one, not a decimal of any length."""
        written = f"sum{self.function_argspec(function, **how)}"
        return f"CAST({written} AS BIGINT)" if isinstance(function.type, Integer) else written


class _Types(PGTypeCompiler):
    def visit_INTEGER(self, type_: Integer, **how: Any) -> str:
        return "BIGINT"

    def visit_VARCHAR(self, type_: String, **how: Any) -> str:
        return _by_bytes(super().visit_VARCHAR(type_, **how), how.get("type_expression"))

    def visit_TEXT(self, type_: Text, **how: Any) -> str:
        return _by_bytes(super().visit_TEXT(type_, **how), how.get("type_expression"))


def _by_bytes(written: str, of: object) -> str:
    """Let a column be compared byte by byte; a cast is written as it is."""
    return f'{written} COLLATE "C"' if isinstance(of, Column) else written


class Dialect(PGDialect_psycopg):
    """PostgreSQL by psycopg, as the tables want it."""

    supports_statement_cache = True
    statement_compiler = _Compiler
    type_compiler_cls = _Types
    colspecs = PGDialect_psycopg.colspecs | {Integer: _Whole}
