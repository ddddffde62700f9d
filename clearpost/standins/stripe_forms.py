"""How Stripe's API is spoken: nested form parameters, `expand`, lists in pages.

Must never know what an object means.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import parse_qsl

from clearpost.standins.stripe_state import Object, Refused, Store, listed, shown

_INDEX: Final = re.compile(r"\d+")
_RANGES: Final = {"gt": int.__gt__, "gte": int.__ge__, "lt": int.__lt__, "lte": int.__le__}


def decode(text: str) -> Object:
    """`items[0][price]=p&expand[]=x` as {"items": [{"price": "p"}], "expand": ["x"]}; values stay text."""
    tree: Object = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        *way, last = name.replace("]", "").split("[")
        node = tree
        for part in way:
            node = node.setdefault(part, {})
        node[last or str(len(node))] = value
    return {name: _with_lists(value) for name, value in tree.items()}


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(_INDEX.fullmatch(name) for name in value):
        return [_with_lists(value[name]) for name in sorted(value, key=int)]
    return {name: _with_lists(item) for name, item in value.items()}


def is_true(value: object) -> bool:
    return str(value).lower() == "true"


def known_only(parameters: Object, allowed: Iterable[str]) -> None:
    """Raises Refused: Stripe takes no parameter that it does not know."""
    for name in parameters:
        if name not in allowed and name != "expand":
            raise Refused(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def required(parameters: Object, name: str) -> str:
    if not parameters.get(name):
        raise Refused(f"Missing required param: {name}.", code="parameter_missing", param=name)
    return str(parameters[name])


def rendered(store: Store, item: Object, expand: Iterable[str] = ()) -> Object:
    """As it is answered: a copy, with what the caller wants to see in place of ids."""
    answer: Object = shown(item)
    for path in expand:
        _expand(store, answer, str(path).split("."))
    return answer


def _expand(store: Store, node: Any, way: list[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _expand(store, item, way)
    if not isinstance(node, dict) or not way:
        return
    name, *rest = way
    if name not in node:
        node[name] = _included(store, node, name)
    value = node[name]
    if isinstance(value, str) and value in store.objects:
        node[name] = shown(store.objects[value])
    elif isinstance(value, list):
        node[name] = [shown(store.objects.get(part, part)) if isinstance(part, str) else part
                      for part in value]  # fmt: skip
    _expand(store, node[name], rest)


def _included(store: Store, node: Object, name: str) -> Object:
    """Lists that are only in an object when asked for. Raises Refused: this can't be expanded."""
    match node.get("object"), name:
        case "customer", "subscriptions":
            found = list(store.all("subscription", customer=node["id"]))
            living = [shown(item) for item in found if item["status"] != "canceled"]
            return listed(living, f"/v1/customers/{node['id']}/subscriptions")
        case "invoice", "payments":
            return listed([shown(item) for item in store.all("invoice_payment", invoice=node["id"])], "")
        case "checkout.session", "line_items":
            lines: list[Object] = shown(store.objects[node["id"]]["_line_items"])
            return listed(lines, f"/v1/checkout/sessions/{node['id']}/line_items")
    raise Refused(f"This property cannot be expanded ({name}).", param="expand")


def page(store: Store, items: Iterator[Object], parameters: Object, url: str) -> Object:
    """One page: `limit` 1 to 100 (10), `starting_after`, `ending_before`, `created` as a range."""
    limit = int(parameters.get("limit", 10))
    if not 1 <= limit <= 100:
        raise Refused("Invalid integer: limit must be between 1 and 100", param="limit")
    found = [item for item in items if _is_within(item["created"], parameters.get("created"))]
    names = [item["id"] for item in found]
    if after := parameters.get("starting_after"):
        found = found[_place(names, after, "starting_after") + 1 :]
    if before := parameters.get("ending_before"):
        found = found[max(0, (end := _place(names, before, "ending_before")) - limit) : end]
    expand = parameters.get("expand", [])
    if bad := [path for path in expand if not str(path).startswith("data.")]:
        raise Refused(f"This property cannot be expanded ({bad[0]}).", param="expand")
    ways = [str(path).removeprefix("data.") for path in expand]
    data = [rendered(store, item, ways) for item in found[:limit]]
    return listed(data, url, has_more=len(found) > limit)


def _place(names: list[str], name: str, param: str) -> int:
    if name not in names:
        raise Refused(f"No such object: '{name}'", status=400, code="resource_missing", param=param)
    return names.index(name)


def _is_within(moment: int, wanted: Any) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, dict):
        return all(_RANGES[name](moment, int(value)) for name, value in wanted.items())
    return moment == int(wanted)
