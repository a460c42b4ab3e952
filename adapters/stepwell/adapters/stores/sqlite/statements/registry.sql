-- name: put_state_machine
INSERT OR REPLACE INTO state_machines (
    arn, name, type, definition, role_arn, logging_configuration, tracing_configuration, encryption_configuration,
    revision_id, status, created_at, updated_at, last_version
) VALUES (
    :arn, :name, :type, :definition, :role_arn, :logging_configuration, :tracing_configuration,
    :encryption_configuration, :revision_id, :status, :created_at, :updated_at, :last_version
)

-- name: find_state_machine
SELECT * FROM state_machines WHERE arn = ?

-- name: remove_state_machine
DELETE FROM state_machines WHERE arn = ?

-- name: state_machines
SELECT * FROM state_machines
WHERE (:after IS NULL OR (name, arn) > (:after_name, :after)) AND substr(arn, 1, length(:within)) = :within
ORDER BY name, arn LIMIT :limit

-- name: put_version
INSERT OR REPLACE INTO versions (
    arn, state_machine_arn, number, type, definition, role_arn, logging_configuration, tracing_configuration,
    encryption_configuration, revision_id, description, created_at
) VALUES (
    :arn, :state_machine_arn, :number, :type, :definition, :role_arn, :logging_configuration, :tracing_configuration,
    :encryption_configuration, :revision_id, :description, :created_at
)

-- name: find_version
SELECT * FROM versions WHERE arn = ?

-- name: remove_version
DELETE FROM versions WHERE arn = ?

-- name: versions
SELECT * FROM versions
WHERE state_machine_arn = :state_machine_arn AND (:after IS NULL OR number < CAST(:after_name AS INTEGER))
ORDER BY number DESC LIMIT :limit

-- name: put_alias
INSERT OR REPLACE INTO aliases (arn, state_machine_arn, name, description, routing, created_at, updated_at)
VALUES (:arn, :state_machine_arn, :name, :description, :routing, :created_at, :updated_at)

-- name: find_alias
SELECT * FROM aliases WHERE arn = ?

-- name: remove_alias
DELETE FROM aliases WHERE arn = ?

-- name: aliases
SELECT * FROM aliases
WHERE state_machine_arn = :state_machine_arn AND (:after IS NULL OR name > :after_name)
ORDER BY name LIMIT :limit

-- name: put_activity
INSERT OR REPLACE INTO activities (arn, name, created_at, encryption_configuration)
VALUES (:arn, :name, :created_at, :encryption_configuration)

-- name: find_activity
SELECT * FROM activities WHERE arn = ?

-- name: remove_activity
DELETE FROM activities WHERE arn = ?

-- name: activities
SELECT * FROM activities
WHERE (:after IS NULL OR (name, arn) > (:after_name, :after)) AND substr(arn, 1, length(:within)) = :within
ORDER BY name, arn LIMIT :limit

-- name: tags
SELECT tags FROM tags WHERE resource_arn = ?

-- name: set_tags
INSERT OR REPLACE INTO tags (resource_arn, tags) VALUES (?, ?)

-- name: remove_tags
DELETE FROM tags WHERE resource_arn = ?
