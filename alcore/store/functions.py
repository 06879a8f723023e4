"""Owns what databases have different names for, as SQL functions that mean the same in each."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Select, String, cast, select, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement, GenericFunction

POSTGRESQL = "postgresql"


class new_token(FunctionElement[str]):
    """A word that nobody can guess, another in each row."""

    type = String()
    inherit_cache = True


@compiles(new_token)
def _of_blob(token: new_token, compiler: SQLCompiler, **how: Any) -> str:
    return "lower(hex(randomblob(16)))"


@compiles(new_token, POSTGRESQL)
def _of_uuid(token: new_token, compiler: SQLCompiler, **how: Any) -> str:
    return "replace(CAST(gen_random_uuid() AS VARCHAR), '-', '')"


class _json_each(GenericFunction[Any]):
    name = "json_each"
    inherit_cache = True


@compiles(_json_each, POSTGRESQL)
def _elements(each: _json_each, compiler: SQLCompiler, **how: Any) -> str:
    return f"json_array_elements_text{compiler.process(each.clause_expr, **how)}"


def numbers_in(column: ColumnElement[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
    """Select the whole numbers of the JSON lists in a column, of rows that meet the conditions."""
    each = _json_each(column).table_valued("value")
    query = select(cast(each.c.value, Integer)).select_from(column.table)
    return query.join(each, true()).where(*conditions)


class nth_number(FunctionElement[int]):
    """The whole number at a place, counted from 0, of a JSON list."""

    type = Integer()
    inherit_cache = True


@compiles(nth_number)
def _extracted(number: nth_number, compiler: SQLCompiler, **how: Any) -> str:
    values, place = (compiler.process(clause, **how) for clause in number.clauses)
    return f"json_extract({values}, '$[' || {place} || ']')"


@compiles(nth_number, POSTGRESQL)
def _taken(number: nth_number, compiler: SQLCompiler, **how: Any) -> str:
    values, place = (compiler.process(clause, **how) for clause in number.clauses)
    return f"CAST({values} ->> CAST({place} AS INTEGER) AS BIGINT)"


class whole(FunctionElement[int]):
    """A number of 0 or more without what stands behind its point."""

    type = Integer()
    inherit_cache = True


@compiles(whole)
def _cut(number: whole, compiler: SQLCompiler, **how: Any) -> str:
    return f"CAST({compiler.process(number.clauses, **how)} AS INTEGER)"


@compiles(whole, POSTGRESQL)
def _floor(number: whole, compiler: SQLCompiler, **how: Any) -> str:
    return f"CAST(floor({compiler.process(number.clauses, **how)}) AS BIGINT)"  # a cast rounds


def quarter(connection: Connection) -> str:
    """Write in SQL which quarter of an hour, counted from 1970, `e.created_at` lies in."""
    if connection.dialect.name == POSTGRESQL:  # whose CAST rounds
        return "CAST(floor(e.created_at / 900) AS BIGINT)"
    return "CAST(e.created_at / 900 AS INTEGER)"
