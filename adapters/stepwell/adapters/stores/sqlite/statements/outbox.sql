-- name: set_timers
INSERT INTO timers (execution, name, due)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(:rows)
WHERE true ON CONFLICT (execution, name) DO UPDATE SET due = excluded.due

-- name: remove_timer
DELETE FROM timers WHERE execution = ? AND name = ?

-- name: timers
SELECT name, due FROM timers WHERE execution = ? ORDER BY due

-- name: set_tasks
INSERT INTO tasks (execution, path, token, request, asked_at, submitted, is_left_open, awaited_activity)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
       json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'),
       json_extract(value, '$[6]'), json_extract(value, '$[7]')
FROM json_each(:rows)
WHERE true ON CONFLICT (execution, path) DO UPDATE
SET token = excluded.token, request = excluded.request, asked_at = excluded.asked_at, submitted = excluded.submitted,
    is_left_open = excluded.is_left_open, awaited_activity = excluded.awaited_activity

-- name: remove_tasks
DELETE FROM tasks WHERE id IN (
    SELECT tasks.id FROM json_each(:rows)
    CROSS JOIN tasks ON tasks.execution = json_extract(value, '$[0]') AND tasks.path = json_extract(value, '$[1]')
    WHERE tasks.token = json_extract(value, '$[2]')
)

-- name: note_submitted
UPDATE tasks SET submitted = ? WHERE execution = ? AND path = ? AND token = ?

-- name: note_left_open
UPDATE tasks SET is_left_open = 1 WHERE execution = ? AND path = ? AND token = ?

-- name: note_started
UPDATE tasks SET awaited_activity = NULL WHERE execution = ? AND path = ? AND token = ?

-- name: tasks
SELECT token, request, asked_at, submitted, is_left_open FROM tasks WHERE execution = ? ORDER BY id

-- name: all_tasks
SELECT token, request, asked_at, submitted, is_left_open FROM tasks ORDER BY id

-- name: task_at
SELECT token, request, asked_at, submitted, is_left_open FROM tasks WHERE execution = ? AND path = ?

-- name: task_for_activity
SELECT id, execution, token, request FROM tasks WHERE awaited_activity = ? ORDER BY id LIMIT 1

-- name: take_task
UPDATE tasks SET awaited_activity = NULL WHERE id = ?

-- name: add_letter
INSERT INTO inbox (execution, event) SELECT id, :event FROM executions WHERE id = :execution AND status = 'RUNNING'

-- name: letters
SELECT number, arn, event FROM inbox JOIN executions ON executions.id = execution
WHERE host = ? ORDER BY number

-- name: remove_letter
DELETE FROM inbox WHERE number = ?

-- name: clear_letters
DELETE FROM inbox WHERE execution IN (SELECT value FROM json_each(:rows))
