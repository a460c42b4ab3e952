-- What callers of the API tell of an execution when they start it.

ALTER TABLE executions ADD COLUMN trace_header TEXT;
ALTER TABLE executions ADD COLUMN test_case TEXT;
ALTER TABLE executions ADD COLUMN redrive_token TEXT;

ALTER TABLE activities ADD COLUMN encryption_configuration TEXT NOT NULL DEFAULT '{"type":"AWS_OWNED_KEY"}';
