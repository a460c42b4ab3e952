-- State machines with their versions and aliases, activities, and tags. Times are milliseconds since the epoch.

CREATE TABLE state_machines (
    arn TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    definition TEXT NOT NULL,
    role_arn TEXT NOT NULL,
    logging_configuration TEXT NOT NULL,
    tracing_configuration TEXT NOT NULL,
    encryption_configuration TEXT NOT NULL,
    revision_id TEXT,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_version INTEGER NOT NULL
);
CREATE INDEX state_machines_by_name ON state_machines (name, arn);

CREATE TABLE versions (
    arn TEXT NOT NULL PRIMARY KEY,
    state_machine_arn TEXT NOT NULL,
    number INTEGER NOT NULL,
    type TEXT NOT NULL,
    definition TEXT NOT NULL,
    role_arn TEXT NOT NULL,
    logging_configuration TEXT NOT NULL,
    tracing_configuration TEXT NOT NULL,
    encryption_configuration TEXT NOT NULL,
    revision_id TEXT,
    description TEXT,
    created_at INTEGER NOT NULL,
    UNIQUE (state_machine_arn, number)
);

CREATE TABLE aliases (
    arn TEXT NOT NULL PRIMARY KEY,
    state_machine_arn TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    routing TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (state_machine_arn, name)
);

CREATE TABLE activities (
    arn TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX activities_by_name ON activities (name, arn);

-- All tags of a resource in one row, as a JSON object.
CREATE TABLE tags (
    resource_arn TEXT NOT NULL PRIMARY KEY,
    tags TEXT NOT NULL
);
