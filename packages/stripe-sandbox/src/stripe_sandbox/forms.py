"""Decode form data with nested keys, `a[b][0][c]=1`, into nested dicts. params.py makes lists of them."""

from urllib.parse import parse_qsl

from . import errors

Tree = dict[str, "str | Tree"]


def decode(encoded: str) -> Tree:
    """Return a query string or form body as nested dicts. The keys of list items are "0", "1", …

    Lists may have indexes, as the SDKs send them, or empty brackets: `a[0][b]=1` or `a[][b]=1`.

    Raise ApiError if a name has both a value and nested keys.
    """
    tree: Tree = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        *path, last = _keys(name)
        node = tree
        for depth, key in enumerate(path):
            index = key or _element_index(node, [*path[depth + 1 :], last])
            child = node.setdefault(index, {})
            if isinstance(child, str):
                raise _conflict_error(name)
            node = child
        if isinstance(node.get(last), dict):
            raise _conflict_error(name)
        node[last or str(len(node))] = value
    return tree


def _keys(name: str) -> list[str]:
    head, bracket, rest = name.partition("[")
    if not bracket or not head or not rest.endswith("]"):
        return [name]
    return [head, *rest[:-1].split("][")]


def _element_index(node: Tree, keys: list[str]) -> str:
    """Return the index for `a[][b]=1`, as Rack does: of the last element, or of a new one if it has the key already.

    A list within the element, `a[][b][]=1`, continues in the last element.
    """
    last = str(max(len(node) - 1, 0))
    if "" in keys:
        return last
    element = node.get(last)
    for key in keys:
        if not isinstance(element, dict) or key not in element:
            return last
        element = element[key]
    return str(len(node))


def _conflict_error(name: str) -> errors.ApiError:
    return errors.ApiError(
        f"Invalid parameters: `{name}` is given both as a value and as a hash.", param=name
    )
