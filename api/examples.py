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
_KEEP_FILE: Final = 'print(open("answer", "wb").write(answer.content), "bytes")'
_PYTHON_KEY: Final = """{"Authorization": f"Bearer {os.environ['CLEARPOST_API_KEY']}"}"""
_VARIABLE: Final = re.compile(r"\{\{(\w+)\}\}")
_WIDTH: Final = 100
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


def variables(call: Call) -> list[str]:
    """The environment variables that an example reads for what only its reader knows: DOMAIN_ID."""
    found = [name.upper() for name in _PLACEHOLDER.findall(call.path)]
    return found + _VARIABLE.findall(json.dumps([call.query, call.body]))


def curl(call: Call) -> str:
    has_body = bool(call.media)
    start = ["curl"]
    if call.answers == _STREAM:
        start.append("--no-buffer")
    if _is_file(call.answers):
        start.append("--remote-name --remote-header-name")
    if call.method != "GET" and not (has_body and call.method == "POST"):
        start += ["-X", call.method]
    lines = [" ".join([*start, f'"$CLEARPOST_URL{_target(call, "${}")}"']), *_curl_headers(call)]
    if has_body:
        lines.append(f'-H "Content-Type: {call.media}"')
        text = json.dumps(call.body, ensure_ascii=False) if call.media == _JSON else call.content
        quoted = _VARIABLE.sub(r"""'"$\1"'""", _quoted(text))
        lines.append(f"--data-binary {quoted}" if call.content else f"-d {quoted}")
    return " \\\n     ".join(lines)


def python(call: Call) -> str:
    """With httpx, the only package that an example needs."""
    return "\n".join(["import os", "", "import httpx", "", *_python_client(call), *_python_call(call)])


def example(document: dict[str, Any], part: dict[str, Any], name: str = "") -> Any:
    """An example of a schema (or of a media type that has one): its own, or made of what it requires.

    For text that only the reader knows it is a variable by the name of its field: {{MEMBER_ID}}.
    """
    if "example" in part:
        return part["example"]
    if examples := part.get("examples"):
        return examples[0] if isinstance(examples, list) else next(iter(examples.values()))["value"]
    if "schema" in part:
        return example(document, part["schema"], name)
    if reference := part.get("$ref"):
        return example(document, document["components"]["schemas"][reference.rpartition("/")[2]], name)
    if part.get("default") is not None:
        return part["default"]
    return _made(document, part, name)


def _made(document: dict[str, Any], schema: dict[str, Any], name: str) -> Any:
    """Of an object what it requires, or its first field where it requires nothing."""
    if "properties" in schema:
        names = schema.get("required") or list(schema["properties"])[:1]
        return {each: example(document, schema["properties"][each], each) for each in names}
    if options := schema.get("anyOf") or schema.get("oneOf"):
        chosen: dict[str, Any] = next((each for each in options if each.get("type") != "null"), {})
        return example(document, chosen, name)
    if values := schema.get("enum", [schema["const"]] if "const" in schema else None):
        return values[0]
    if schema.get("type") == "array":
        return [example(document, schema.get("items", {}), name.removesuffix("s"))]
    plain: dict[str, Any] = {"boolean": True, "integer": schema.get("minimum", 1), "object": {}}
    return plain.get(schema.get("type", ""), f"{{{{{name.upper()}}}}}")


def _query(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, str]:
    parameters = operation.get("parameters", [])
    needed = [each for each in parameters if each["in"] == "query" and each.get("required")]
    return {each["name"]: str(example(document, each, each["name"])) for each in needed}


def _answers(operation: dict[str, Any]) -> str:
    good: dict[str, Any] = next(
        (each for status, each in operation["responses"].items() if status.startswith("2")), {}
    )
    return next(iter(good.get("content", {})), "")


def _is_file(media: str) -> bool:
    return bool(media) and media not in (_JSON, _STREAM) and not media.startswith("text/")


def _target(call: Call, form: str) -> str:
    def variable(match: re.Match[str]) -> str:
        return form.format(match[1].upper())

    query = "&".join(f"{name}={value}" for name, value in call.query.items())
    path = _PLACEHOLDER.sub(variable, call.path)
    return f"{path}?{_VARIABLE.sub(variable, query)}" if query else path


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


def _python_call(call: Call) -> list[str]:
    target = _target(call, "{{os.environ['{}']}}")
    given = [f'f"{target}"' if "os.environ" in target else f'"{target}"', *_python_body(call)]
    if call.answers == _STREAM:
        return [
            f'with api.stream("{call.method}", {", ".join(given)}, timeout=None) as answer:',
            "    for line in answer.iter_lines():",
            "        print(line)",
        ]
    verb = call.method.lower()
    if call.method == "DELETE" and call.media:  # httpx.delete takes no body
        verb, given = "request", ['"DELETE"', *given]
    shown = {_JSON: "print(answer.json())", "": "print(answer.status_code)"}
    last = _KEEP_FILE if _is_file(call.answers) else shown.get(call.answers, "print(answer.text)")
    return [*_wrapped(f"answer = api.{verb}", given), "answer.raise_for_status()", last]


def _python_body(call: Call) -> list[str]:
    if not call.media:
        return []
    if call.media == _JSON:
        return [f"json={_literal(call.body)}"]
    return [f"content={_literal(call.content)}", f'headers={{"Content-Type": "{call.media}"}}']


def _wrapped(function: str, given: list[str]) -> list[str]:
    line = f"{function}({', '.join(given)})"
    return [line] if len(line) <= _WIDTH else [f"{function}(", *(f"    {each}," for each in given), ")"]


def _literal(value: Any) -> str:
    """As people write it in Python."""
    match value:
        case dict():
            return (
                "{" + ", ".join(f"{_literal(name)}: {_literal(each)}" for name, each in value.items()) + "}"
            )
        case list():
            return "[" + ", ".join(map(_literal, value)) + "]"
        case str() if variable := _VARIABLE.fullmatch(value):
            return f'os.environ["{variable[1]}"]'
        case str():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return repr(value)
