"""Colours: ours is the only loud one, and each family has the same in every drawing. And a figure with its caption."""

from matplotlib.figure import Figure

from bench.catalog import FAMILIES

INK = "#22303c"
GREY = "#8a97a3"
LIGHT = "#e6eaee"

_COLOURS = {
    "asynchttp": "#0b6e99",
    "raw": "#b9c2ca",
    "tornado": "#e08e45",
    "aiohttp": "#7aa974",
    "uvicorn": "#c8a2c8",
    "blacksheep": "#a8896c",
    "gunicorn": "#8fae9b",
    "hypercorn": "#d7b8a6",
    "sanic": "#d98b9a",
    "granian": "#9a8fc7",
    "socketify": "#6fb7b7",
    "asyncio streams": "#7aa974",
    "sockets": "#a3b18a",
    "not Python": "#cfcfcf",
}


def colour(server: str) -> str:
    """Of a server's family; of one that is in no table any more, grey."""
    return _COLOURS.get(FAMILIES.get(server, ""), GREY)


def is_ours(server: str) -> bool:
    return FAMILIES.get(server) == "asynchttp"


class Captioned(Figure):
    """A drawing with the line below its title; ``bars`` has nothing under its axes."""

    subtitle = ""
    bars = False
