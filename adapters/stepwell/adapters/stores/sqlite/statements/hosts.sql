-- name: add_host
INSERT INTO hosts (pid, started_at) VALUES (?, ?)

-- name: hosts
SELECT id FROM hosts

-- name: remove_host
DELETE FROM hosts WHERE id = ?

-- name: host_of
SELECT host FROM executions WHERE arn = ?

-- name: claim
UPDATE executions SET host = :host WHERE id = :id AND host IS :before

-- name: is_adoptable
SELECT 1 FROM executions WHERE status = 'RUNNING' AND settings IS NULL AND host IS NULL LIMIT 1

-- name: abandoned_by
SELECT id, arn FROM executions
WHERE status = 'RUNNING' AND settings IS NULL AND host IS :host

-- name: adopt_from
UPDATE executions SET host = :host WHERE status = 'RUNNING' AND settings IS NULL AND host IS :before

-- name: adopted_timers
SELECT execution, timers.name, due FROM timers JOIN executions ON executions.id = execution
WHERE host = :host AND status = 'RUNNING' ORDER BY execution, due

-- name: adopted_tasks
SELECT execution, token, request, asked_at, submitted, is_left_open FROM tasks JOIN executions ON executions.id = execution
WHERE host = :host AND status = 'RUNNING' ORDER BY execution, tasks.id

-- name: release
UPDATE executions SET host = NULL WHERE status = 'RUNNING' AND host = ?
