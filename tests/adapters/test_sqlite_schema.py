"""The schema that is to be read is the one that the migrations make."""

import re
import sqlite3
from importlib.resources import files

from stepwell.adapters.stores.sqlite.database import APPLICATION_ID, connect
from stepwell.adapters.stores.sqlite.statements import migrations

SCHEMA = (files("stepwell.adapters.stores.sqlite") / "schema.sql").read_text(encoding="utf-8")


def objects(connection):
    """Tables and indexes with what they were made by, without comments and layout."""
    found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'")
    return {tuple(about): sql and re.sub(r"--.*|\s", "", sql) for *about, sql in found}


def written():
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA)
    return objects(connection)


def test_the_migrations_make_the_schema(tmp_path):
    connection = connect(tmp_path / "new.db")

    assert objects(connection) == written()


def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path):
    path = tmp_path / "old.db"
    old = sqlite3.connect(path)
    old.executescript(migrations()[0])
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    old.execute("PRAGMA user_version = 1")
    old.execute("INSERT INTO hosts (pid, started_at) VALUES (42, 0)")
    old.commit()
    assert objects(old) != written()
    old.close()

    connection = connect(path)

    assert objects(connection) == written()
    assert connection.execute("PRAGMA user_version").fetchone() == (len(migrations()),)
    assert connection.execute("SELECT pid FROM hosts").fetchall() == [(42,)]
