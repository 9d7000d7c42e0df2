"""Environment of Alembic. `lipsmith.database.schema` passes in the connection."""

from __future__ import annotations

from alembic import context

from lipsmith.database.schema import VERSION_TABLE
from lipsmith.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    version_table=VERSION_TABLE,
)
context.run_migrations()
