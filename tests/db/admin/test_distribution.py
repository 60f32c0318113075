"""What ``db distribute`` refuses, where there is no Citus. (Where there is: ``tests/citus/``.)"""

from pathlib import Path

import pytest

from call_analytics.db.admin.distribution import distribute_calls
from call_analytics.db.errors import OperatorError
from tests.command import run_here
from tests.conftest import on_sqlite
from tests.db.rollups.agreement import assert_agreement
from tests.platform import Platform


@pytest.mark.parametrize("database_url", ["postgresql", "partitioned"], indirect=True)
def test_a_database_without_citus_stays_as_it_is(platform: Platform, tmp_path: Path) -> None:
    organization = platform.add_organization()
    platform.add_calls([{"assistant_id": platform.add_assistant(organization)}])
    done = run_here(tmp_path, "db", "distribute", database_url=platform.url)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == (
        "- the database has no Citus. Remedy:\n"
        "  CREATE EXTENSION citus; in this database of every machine\n"
    )
    assert platform.run(assert_agreement(platform, [organization])) == [True]


@on_sqlite
def test_a_file_is_on_one_machine(platform: Platform) -> None:
    with pytest.raises(OperatorError, match="a SQLite file is on one machine"):
        platform.run(distribute_calls(platform.writer, 4))


def test_the_platform_s_own_database_is_refused(attached: Platform) -> None:
    with pytest.raises(OperatorError, match="the platform's own database; the service only reads"):
        attached.run(distribute_calls(attached.writer, 4))
