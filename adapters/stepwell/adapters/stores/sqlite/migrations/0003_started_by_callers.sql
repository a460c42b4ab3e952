-- What callers of the API tell of an execution when they start it.

ALTER TABLE executions ADD COLUMN trace_header TEXT;
ALTER TABLE executions ADD COLUMN test_case TEXT;
