from tests.support.hostile import CHUNKED_BODIES, HEADS


def test_ids_are_unique() -> None:
    ids = [hostile.id for hostile in HEADS + CHUNKED_BODIES]
    assert len(ids) == len(set(ids))


def test_ids_begin_with_a_section() -> None:
    assert all(hostile.id.split("-")[0] in ("9110", "9112", "9113") for hostile in HEADS + CHUNKED_BODIES)
