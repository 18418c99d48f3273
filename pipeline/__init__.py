"""Winnow's batch pipeline: raw shards in, packed training shards out, and every document's fate on record."""

__version__ = "0.1.0"
