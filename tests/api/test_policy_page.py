"""The public policy page, made from the same lines as docs/policy.md."""

from customers.policy import page
from mailcore.models import SQLModel
from tests.support.api import World


async def test_the_public_page_says_what_the_document_says(world: World) -> None:
    shown = await world.anonymous.get("/policy")
    assert shown.status_code == 200
    assert shown.headers["content-type"].startswith("text/html")
    for table in SQLModel.metadata.sorted_tables:
        for column in table.columns:
            assert f"<code>{column.name}</code>" in shown.text, f"{table.name}.{column.name}"
    for section in page.sections():
        assert f'<h2 id="{section.name}">{section.title}</h2>' in shown.text
    assert "<script" not in shown.text
