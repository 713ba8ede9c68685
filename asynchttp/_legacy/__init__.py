"""Habits of Tornado 2 to 5 that Tornado 6 dropped, kept apart from the core.

Core modules import from here what wraps one of their functions, one line for each; without this package and
those lines everything else works.
"""
