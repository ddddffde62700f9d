"""The web page of the demo inbox: list and raw view. Must never let mail act as HTML or fetch anything."""

from dataclasses import asdict
from html import escape

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from clearpost.standins.inbox import KEPT_MESSAGES, Arrived, Inbox
from clearpost.standins.inbox_links import links_of

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_LINKS_WAIT = 5.0  # seconds; shorter than the patience of who asks

STYLE = """
:root { color-scheme: light dark;
  --ink: #1c1f23; --quiet: #5d666d; --line: #dfe3e6; --ground: #fbfbfa; --link: #1f5f8b; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dadde0; --quiet: #949da5; --line: #30363b; --ground: #16191b; --link: #8abbe0; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem; max-width: 76rem; color: var(--ink); background: var(--ground);
  font: 14px/1.45 system-ui, sans-serif; }
h1 { font-size: 1rem; margin: 0 0 .15rem; }
p { margin: 0 0 1rem; color: var(--quiet); }
a { color: var(--link); text-decoration: none; } a:hover, a:focus { text-decoration: underline; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
th { text-align: left; font-weight: 500; color: var(--quiet); }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: baseline;
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.time { width: 6rem; } .from, .to { width: 24%; }
.size { width: 6rem; text-align: right; padding-right: 0; }
td.time, td.size { font-variant-numeric: tabular-nums; color: var(--quiet); }
dl { display: grid; grid-template-columns: 8rem 1fr; gap: .2rem .75rem; margin: 1rem 0; }
dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
pre { margin: 0; padding: .75rem 0; border-top: 1px solid var(--line); font: 12.5px/1.5 monospace;
  white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 44rem) { .from { display: none; } .to { width: 34%; } }
"""


def create_app(inbox: Inbox) -> Starlette:
    """GET / (list), /messages.json, /messages/N (page), /messages/N.eml (the bytes as they came).

    And /links.json?after=N: the links of ours in later messages, as soon as there is a later one.
    """

    async def listing(_request: Request) -> Response:
        return HTMLResponse(list_page(inbox.messages()), headers=SECURITY_HEADERS)

    async def as_json(_request: Request) -> Response:
        newest_first = reversed(inbox.messages())
        return JSONResponse([_as_json(message) for message in newest_first], headers=SECURITY_HEADERS)

    async def one(request: Request) -> Response:
        message = inbox.find(request.path_params["number"])
        if message is None:
            return PlainTextResponse("no such message, or it was pushed out\n", 404, SECURITY_HEADERS)
        return HTMLResponse(message_page(message), headers=SECURITY_HEADERS)

    async def raw(request: Request) -> Response:
        message = inbox.find(request.path_params["number"])
        if message is None:
            return PlainTextResponse("no such message, or it was pushed out\n", 404, SECURITY_HEADERS)
        return Response(message.content, headers=SECURITY_HEADERS, media_type="text/plain; charset=utf-8")

    async def links(request: Request) -> Response:
        after = int(request.query_params.get("after", "0"))
        await inbox.wait_beyond(after, _LINKS_WAIT)
        later = [message for message in inbox.messages() if message.number > after]
        return JSONResponse(
            {
                "last": max((message.number for message in later), default=after),
                "links": [asdict(link) for message in later for link in links_of(message)],
            },
            headers=SECURITY_HEADERS,
        )

    routes = [
        Route("/", listing),
        Route("/links.json", links),
        Route("/messages.json", as_json),
        Route("/messages/{number:int}.eml", raw),
        Route("/messages/{number:int}", one),
    ]
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"])
    return Starlette(routes=routes, middleware=[hosts])


def list_page(messages: list[Arrived]) -> str:
    rows = "".join(_row(message) for message in reversed(messages))
    table = (
        '<table><thead><tr><th class="time">Time<th class="from">From<th class="to">To<th>Subject'
        f'<th class="size">Bytes</thead><tbody>{rows}</tbody></table>'
    )
    nothing = "<p>Nothing has arrived yet.</p>"
    intro = (
        f"<h1>Demo inbox</h1><p>What was forwarded to this machine: the last {KEPT_MESSAGES}, in memory "
        "only. Times are UTC. The list reloads by itself.</p>"
    )
    return _page("Demo inbox", intro + (table if messages else nothing), refresh=True)


def message_page(message: Arrived) -> str:
    fields = {
        "Arrived": f"{message.at:%Y-%m-%d %H:%M:%S} UTC",
        "Reverse-path": message.reverse_path or "<> (null)",
        "Recipients": ", ".join(message.recipients),
        "From": message.header("From"),
        "Subject": message.header("Subject"),
    }
    listed = "".join(f"<dt>{name}<dd>{escape(value)}" for name, value in fields.items())
    text = escape(message.content.decode("utf-8", "replace"))
    back = f'<p><a href="/">All messages</a> · <a href="/messages/{message.number}.eml">raw bytes</a></p>'
    return _page(f"Message {message.number}", f"{back}<dl>{listed}</dl><pre>{text}</pre>", refresh=False)


def _row(message: Arrived) -> str:
    subject = escape(message.header("Subject") or "(no subject)")
    return (
        f'<tr><td class="time">{message.at:%H:%M:%S}'
        f'<td class="from">{escape(message.header("From") or message.reverse_path)}'
        f'<td class="to">{escape(", ".join(message.recipients))}'
        f'<td><a href="/messages/{message.number}">{subject}</a><td class="size">{len(message.content):,}'
    )


def _page(title: str, body: str, refresh: bool) -> str:
    reload = '<meta http-equiv="refresh" content="5">' if refresh else ""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8">{reload}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style><body>{body}</body></html>"
    )


def _as_json(message: Arrived) -> dict[str, object]:
    return {
        "number": message.number,
        "at": message.at.isoformat(),
        "reverse_path": message.reverse_path,
        "recipients": list(message.recipients),
        "from": message.header("From"),
        "subject": message.header("Subject"),
        "size": len(message.content),
    }
