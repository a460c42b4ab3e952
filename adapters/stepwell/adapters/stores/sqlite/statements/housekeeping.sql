-- name: to_archive
SELECT id FROM executions
WHERE status <> 'RUNNING' AND id IN (SELECT execution FROM journal)

-- name: is_over
SELECT 1 FROM executions WHERE id = ? AND status <> 'RUNNING'

-- name: set_archive
INSERT INTO archives (execution, journal) VALUES (?, ?)
ON CONFLICT (execution) DO UPDATE SET journal = excluded.journal

-- name: clear_journal
DELETE FROM journal WHERE execution = ?

-- name: stopped_before
SELECT id FROM executions
WHERE stopped_at < ? AND status <> 'RUNNING' AND (host IS NULL OR host NOT IN (SELECT id FROM hosts))

-- name: beyond
SELECT id FROM executions
WHERE status <> 'RUNNING' AND (host IS NULL OR host NOT IN (SELECT id FROM hosts))
ORDER BY id DESC LIMIT -1 OFFSET ?

-- name: prune_execution
DELETE FROM executions WHERE id = ?

-- name: prune_journal
DELETE FROM journal WHERE execution = ?

-- name: prune_archive
DELETE FROM archives WHERE execution = ?

-- name: prune_frames
DELETE FROM frames WHERE execution = ?

-- name: prune_timers
DELETE FROM timers WHERE execution = ?

-- name: prune_tasks
DELETE FROM tasks WHERE execution = ?

-- name: prune_inbox
DELETE FROM inbox WHERE execution = ?

-- name: prune_definitions
DELETE FROM definitions WHERE id NOT IN (SELECT definition FROM executions)
