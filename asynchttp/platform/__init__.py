"""Tornado's place for what binds it to other event loops."""

__all__: list[str] = []
