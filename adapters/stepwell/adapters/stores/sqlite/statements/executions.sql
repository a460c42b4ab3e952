-- name: find_execution
SELECT id, version FROM executions WHERE arn = :arn

-- name: execution
SELECT * FROM executions WHERE arn = :arn

-- name: execution_definition
SELECT definitions.text FROM executions JOIN definitions ON definitions.id = definition WHERE arn = :arn

-- name: executions
SELECT * FROM executions
WHERE (:status IS NULL OR status = :status)
  AND (:is_redriven IS NULL OR (redrive_count > 0) = :is_redriven)
  AND id < ifnull(:before, 9223372036854775807)
ORDER BY id DESC LIMIT :limit

-- name: executions_of_machine
SELECT * FROM executions
WHERE state_machine_arn = :state_machine_arn
  AND :started_through IN (state_machine_arn, state_machine_version_arn, state_machine_alias_arn)
  AND (:status IS NULL OR status = :status)
  AND (:is_redriven IS NULL OR (redrive_count > 0) = :is_redriven)
  AND id < ifnull(:before, 9223372036854775807)
ORDER BY id DESC LIMIT :limit

-- name: executions_unfinished
SELECT * FROM executions
WHERE status = :status AND status <> 'SUCCEEDED'
  AND (:state_machine_arn IS NULL
       OR :started_through IN (state_machine_arn, state_machine_version_arn, state_machine_alias_arn))
  AND (:is_redriven IS NULL OR (redrive_count > 0) = :is_redriven)
  AND id < ifnull(:before, 9223372036854775807)
ORDER BY id DESC LIMIT :limit

-- name: executions_named
SELECT arn FROM executions
WHERE arn GLOB '*:execution:*:' || :name OR arn GLOB '*:express:*:' || :name || ':*'
ORDER BY +id DESC

-- name: machines_named
SELECT DISTINCT state_machine_arn FROM executions WHERE state_machine_arn GLOB '*:' || :name

-- name: add_definition
INSERT INTO definitions (digest, text) VALUES (:digest, :text) ON CONFLICT (digest) DO NOTHING

-- name: find_definition
SELECT id FROM definitions WHERE digest = :digest

-- name: last_execution
SELECT seq FROM sqlite_sequence WHERE name = 'executions'

-- name: add_execution
INSERT INTO executions (
    id, arn, name, state_machine_arn, state_machine_name, state_machine_version_arn, state_machine_alias_arn, role_arn,
    type, is_synchronous, started_by, trace_header, test_case, input, definition, settings, started_at,
    status, stopped_at, output, error, cause, redrive_count, redriven_at, redrive_token, latest_at, next_event_id,
    timeout_timer, version, host
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
) ON CONFLICT (arn) DO NOTHING

-- name: lost
SELECT json_group_array(json_extract(value, '$[0]'))
FROM json_each(:rows) LEFT JOIN executions ON executions.id = json_extract(value, '$[0]')
WHERE executions.version IS NOT json_extract(value, '$[1]') OR executions.host IS NOT :host

-- name: change_execution
UPDATE executions
SET status = ?, stopped_at = ?, output = ?, error = ?, cause = ?, redrive_count = ?, redriven_at = ?, redrive_token = ?,
    latest_at = ?, next_event_id = ?, timeout_timer = ?, version = ?, host = ?
WHERE id = ?

-- name: carry_on
UPDATE executions
SET latest_at = json_extract(value, '$[1]'), next_event_id = json_extract(value, '$[2]'),
    timeout_timer = json_extract(value, '$[3]'), version = json_extract(value, '$[4]')
FROM json_each(:rows)
WHERE executions.id = json_extract(value, '$[0]')

-- name: add_to_journal
INSERT INTO journal (execution, version, event, history)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), json_extract(value, '$[3]')
FROM json_each(:rows)

-- name: journal
SELECT event, history FROM journal WHERE execution = ? ORDER BY version

-- name: archive
SELECT journal FROM archives WHERE execution = ?

-- name: set_frames
INSERT INTO frames (execution, path, frame)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(:rows)
WHERE true ON CONFLICT (execution, path) DO UPDATE SET frame = excluded.frame

-- name: remove_frame
DELETE FROM frames WHERE execution = ? AND path = ?

-- name: clear_frames
DELETE FROM frames WHERE execution IN (SELECT value FROM json_each(:rows))

-- name: frames
SELECT path, frame FROM frames WHERE execution = ?
