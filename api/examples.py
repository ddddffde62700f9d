"""Examples of the reference page, in curl and in Python, made from the OpenAPI document.

Each runs as it stands where CLEARPOST_URL and CLEARPOST_API_KEY are set, and a variable for each id in its
path: a test runs them all. Must never hold a key, nor the address of an installation.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Audience = Literal["key", "person", "anyone"]

_JSON: Final = "application/json"
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_STREAM: Final = "text/event-stream"
_PYTHON_KEY: Final = """{"Authorization": f"Bearer {os.environ['CLEARPOST_API_KEY']}"}"""
_PYTHON_COOKIE: Final = (
    """{"Cookie": os.environ["CLEARPOST_COOKIE"], "Origin": os.environ["CLEARPOST_URL"]}"""
)


@dataclass(frozen=True, slots=True)
class Call:
    """One request as an example shows it. `content` is text for bodies that are not JSON."""

    method: str
    path: str
    audience: Audience
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    media: str = ""
    content: str = ""
    answers: str = ""

    @classmethod
    def of(
        cls, document: dict[str, Any], path: str, method: str, operation: dict[str, Any], audience: Audience
    ) -> "Call":
        """The call of an operation: what it needs at least, with the example of each value."""
        content = operation.get("requestBody", {}).get("content", {})
        media, part = next(iter(content.items()), ("", {}))
        body = example(document, part) if part else None
        is_json = media == _JSON
        return cls(
            method=method.upper(),
            path=path,
            audience=audience,
            query=_query(document, operation),
            body=body if is_json else None,
            media=media,
            content="" if is_json or body is None else str(body),
            answers=_answers(operation),
        )


def variables(path: str) -> list[str]:
    """The environment variables that an example of this path reads for its ids: DOMAIN_ID."""
    return [name.upper() for name in _PLACEHOLDER.findall(path)]


def curl(call: Call) -> str:
    has_body = bool(call.media)
    start = ["curl"]
    if call.answers == _STREAM:
        start.append("--no-buffer")
    if call.method != "GET" and not (has_body and call.method == "POST"):
        start += ["-X", call.method]
    lines = [" ".join([*start, f'"$CLEARPOST_URL{_target(call, "${}")}"']), *_curl_headers(call)]
    if has_body:
        lines.append(f'-H "Content-Type: {call.media}"')
        text = json.dumps(call.body, ensure_ascii=False) if call.media == _JSON else call.content
        lines.append(f"--data-binary {_quoted(text)}" if call.content else f"-d {_quoted(text)}")
    return " \\\n     ".join(lines)


def python(call: Call) -> str:
    """With httpx, the only package that an example needs."""
    target = _target(call, "{{os.environ['{}']}}")
    given = [f'f"{target}"' if variables(call.path) else f'"{target}"', *_python_body(call)]
    head = ["import os", "", "import httpx", ""]
    return "\n".join([*head, *_python_client(call), *_python_call(call, ", ".join(given))])


def example(document: dict[str, Any], part: dict[str, Any]) -> Any:
    """An example of a schema (or of a media type that has one): its own, or made of what it requires."""
    if "example" in part:
        return part["example"]
    if examples := part.get("examples"):
        return examples[0] if isinstance(examples, list) else next(iter(examples.values()))["value"]
    if "schema" in part:
        return example(document, part["schema"])
    if reference := part.get("$ref"):
        return example(document, document["components"]["schemas"][reference.rpartition("/")[2]])
    return _made(document, part)


def _made(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    """Of an object what it requires, or its first field where it requires nothing."""
    if "properties" in schema:
        names = schema.get("required") or list(schema["properties"])[:1]
        return {name: example(document, schema["properties"][name]) for name in names}
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return example(document, next((each for each in options if each.get("type") != "null"), {}))
    if values := schema.get("enum", [schema["const"]] if "const" in schema else None):
        return values[0]
    if schema.get("type") == "array":
        return [example(document, schema.get("items", {}))]
    plain: dict[str, Any] = {"boolean": True, "integer": schema.get("minimum", 1), "object": {}}
    return plain.get(schema.get("type", ""), schema.get("default", "..."))


def _query(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, str]:
    needed = [
        each for each in operation.get("parameters", []) if each["in"] == "query" and each.get("required")
    ]
    return {each["name"]: str(example(document, each | {"$ref": None})) for each in needed}


def _answers(operation: dict[str, Any]) -> str:
    good: dict[str, Any] = next(
        (each for status, each in operation["responses"].items() if status.startswith("2")), {}
    )
    return next(iter(good.get("content", {})), "")


def _target(call: Call, form: str) -> str:
    path = _PLACEHOLDER.sub(lambda match: form.format(match[1].upper()), call.path)
    return path + (
        "?" + "&".join(f"{name}={value}" for name, value in call.query.items()) if call.query else ""
    )


def _curl_headers(call: Call) -> list[str]:
    match call.audience:
        case "key":
            return ['-H "Authorization: Bearer $CLEARPOST_API_KEY"']
        case "person":
            return ['-H "Cookie: $CLEARPOST_COOKIE"', '-H "Origin: $CLEARPOST_URL"']
        case "anyone":
            return []


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _python_client(call: Call) -> list[str]:
    headers = {"key": _PYTHON_KEY, "person": _PYTHON_COOKIE, "anyone": ""}[call.audience]
    lines = ["api = httpx.Client(", '    base_url=os.environ["CLEARPOST_URL"],']
    return [*lines, *([f"    headers={headers},"] if headers else []), ")"]


def _python_body(call: Call) -> list[str]:
    if not call.media:
        return []
    if call.media == _JSON:
        return [f"json={call.body!r}"]
    return [f"content={call.content!r}", f'headers={{"Content-Type": "{call.media}"}}']


def _python_call(call: Call, given: str) -> list[str]:
    if call.answers == _STREAM:
        return [
            f'with api.stream("{call.method}", {given}, timeout=None) as answer:',
            "    for line in answer.iter_lines():",
            "        print(line)",
        ]
    verb, given = call.method.lower(), given
    if call.method == "DELETE" and call.media:
        verb, given = "request", f'"DELETE", {given}'
    shown = {_JSON: "answer.json()", "": "answer.status_code"}.get(call.answers, "answer.text")
    return [f"answer = api.{verb}({given})", "answer.raise_for_status()", f"print({shown})"]
