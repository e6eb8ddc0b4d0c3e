"""Decode form data with nested keys, `a[b][0][c]=1`, into nested dicts. params.py makes lists of them."""

from urllib.parse import parse_qsl

from . import errors

Tree = dict[str, "str | Tree"]


def decode(encoded: str) -> Tree:
    """Return a query string or form body as nested dicts. The keys of list items are "0", "1", …

    Raise ApiError if a name has both a value and nested keys.
    """
    tree: Tree = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        *path, last = _keys(name)
        node = tree
        for key in path:
            child = node.setdefault(_index(key, node), {})
            if isinstance(child, str):
                raise _conflict_error(name)
            node = child
        if isinstance(node.get(last), dict):
            raise _conflict_error(name)
        node[_index(last, node)] = value
    return tree


def _keys(name: str) -> list[str]:
    head, bracket, rest = name.partition("[")
    if not bracket or not head or not rest.endswith("]"):
        return [name]
    return [head, *rest[:-1].split("][")]


def _index(key: str, node: Tree) -> str:
    return key or str(len(node))


def _conflict_error(name: str) -> errors.ApiError:
    return errors.ApiError(
        f"Invalid parameters: `{name}` is given both as a value and as a hash.", param=name
    )
