"""The feed's folder of shards."""

from tests.feed.conftest import fed

__all__ = ["fed"]
