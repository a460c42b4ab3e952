-- The whole schema, as the migrations leave it: to be read. A test compares the two.
-- Times are milliseconds since the epoch.

-- --- executions and all that belongs to them --------------------------------------------------------------------------

CREATE TABLE definitions (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    text TEXT NOT NULL
);

-- A process that carries executions on. It lives as long as its lock file is locked.
CREATE TABLE hosts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pid INTEGER NOT NULL,
    started_at INTEGER NOT NULL
);

CREATE TABLE executions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    arn TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    state_machine_arn TEXT NOT NULL,
    state_machine_name TEXT NOT NULL,
    state_machine_version_arn TEXT,
    state_machine_alias_arn TEXT,
    role_arn TEXT NOT NULL,
    type TEXT NOT NULL,
    is_synchronous INTEGER NOT NULL,
    started_by TEXT,
    input TEXT NOT NULL,
    definition INTEGER NOT NULL REFERENCES definitions (id),
    settings TEXT,
    started_at INTEGER NOT NULL,
    -- what steps change
    status TEXT NOT NULL,
    stopped_at INTEGER,
    output TEXT,
    error TEXT,
    cause TEXT,
    redrive_count INTEGER NOT NULL,
    redriven_at INTEGER,
    latest_at INTEGER NOT NULL,
    next_event_id INTEGER NOT NULL,
    timeout_timer TEXT,
    version INTEGER NOT NULL,
    host INTEGER,
    -- added later
    trace_header TEXT,
    test_case TEXT,
    redrive_token TEXT
);
CREATE INDEX executions_by_machine ON executions (state_machine_arn);
CREATE INDEX executions_by_status ON executions (status) WHERE status <> 'SUCCEEDED';
CREATE INDEX executions_by_end ON executions (stopped_at) WHERE stopped_at IS NOT NULL;
CREATE INDEX executions_by_host ON executions (host) WHERE status = 'RUNNING';

-- One row a step: the event that was taken in, and the history events that it made. The evidence, never replayed.
CREATE TABLE journal (
    execution INTEGER NOT NULL,
    version INTEGER NOT NULL,
    event BLOB NOT NULL,
    history BLOB NOT NULL,
    PRIMARY KEY (execution, version)
) WITHOUT ROWID;

-- The journal of an execution that has ended, compressed.
CREATE TABLE archives (
    execution INTEGER PRIMARY KEY,
    journal BLOB NOT NULL
);

-- The snapshot, which is the truth: where an execution stands.
CREATE TABLE frames (
    execution INTEGER NOT NULL,
    path TEXT NOT NULL,
    frame BLOB NOT NULL,
    PRIMARY KEY (execution, path)
) WITHOUT ROWID;

-- The outbox, first half: timers that have not fired.
CREATE TABLE timers (
    execution INTEGER NOT NULL,
    name TEXT NOT NULL,
    due INTEGER NOT NULL,
    PRIMARY KEY (execution, name)
) WITHOUT ROWID;

-- The outbox, second half: tasks without an answer. A token names its execution and path.
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY,
    execution INTEGER NOT NULL,
    path TEXT NOT NULL,
    token TEXT NOT NULL,
    request BLOB NOT NULL,
    asked_at INTEGER NOT NULL,
    submitted TEXT,
    is_left_open INTEGER NOT NULL,
    awaited_activity TEXT,
    UNIQUE (execution, path)
);
CREATE INDEX tasks_for_activities ON tasks (awaited_activity) WHERE awaited_activity IS NOT NULL;

-- Events for executions from processes that do not carry them on.
CREATE TABLE inbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    execution INTEGER NOT NULL,
    event BLOB NOT NULL
);
CREATE INDEX inbox_by_execution ON inbox (execution);

-- --- the registry: state machines with their versions and aliases, activities, tags -----------------------------------

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
    created_at INTEGER NOT NULL,
    encryption_configuration TEXT NOT NULL DEFAULT '{"type":"AWS_OWNED_KEY"}'
);
CREATE INDEX activities_by_name ON activities (name, arn);

-- All tags of a resource in one row, as a JSON object.
CREATE TABLE tags (
    resource_arn TEXT NOT NULL PRIMARY KEY,
    tags TEXT NOT NULL
);
