"""Owns everything that knows SQL: engine, tables, migrations and the questions asked of them.

Functions take a connection, never open a transaction, and return records, never rows. The
service or job that calls them owns the transaction.
"""

from sqlalchemy import Connection

from alcore.store.engine import Store

__all__ = ["Connection", "Store"]
