"""A browser that was left open: its sign-in is no longer fresh."""

from uuid import UUID

from tests.support.site import Site


async def leave_open(site: Site, person_id: UUID) -> None:
    async with site.world.runtime.database.transaction() as tx:
        await tx.execute(
            "update browser_session set created_at = created_at - interval '11 minutes' where person_id = $1",
            person_id,
        )
