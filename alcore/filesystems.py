"""Owns how buckets and servers are opened: fsspec, and what it lacks, in one place."""

from __future__ import annotations

from typing import Any

from alcore.errors import AlcoreError, InvalidSettings

_SAME = {"s3a": "s3", "gcs": "gs", "local": "file"}
_LIBRARIES = {
    "s3": "pip install 'alcore[remote]'",
    "http": "pip install 'alcore[remote]'",
    "https": "pip install 'alcore[remote]'",
    "gs": "pip install gcsfs",
    "abfs": "pip install adlfs",
    "az": "pip install adlfs",
}


def protocol_of(address: str) -> str:
    """Name the kind of an address by one of its names.

    >>> protocol_of("s3a://birds/public")
    's3'
    """
    scheme = address.partition("://")[0]
    return _SAME.get(scheme, scheme)


def open_filesystem(protocol: str, missing: type[AlcoreError], **options: Any) -> Any:
    """Open what fsspec has for a protocol, with nothing kept of earlier listings.

    Raises `missing` where a library is, and InvalidSettings for what fsspec does not speak;
    services that look for credentials here raise errors of their own.
    """
    try:
        import fsspec

        return fsspec.filesystem(
            protocol, use_listings_cache=False, skip_instance_cache=True, **options
        )
    except ImportError as error:
        command = _LIBRARIES.get(protocol, "pip install the package that fsspec names")
        raise missing(
            f"{protocol}:// takes a library that is missing; add it with: {command}"
        ) from error
    except ValueError as error:
        raise InvalidSettings(
            f"{protocol}:// is no kind of address; known are s3://, gs://, https:// and others "
            "that fsspec speaks"
        ) from error
