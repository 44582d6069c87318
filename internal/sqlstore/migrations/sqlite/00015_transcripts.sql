-- +goose Up

-- What was said in generations whose accounts opted in. text is JSON (package
-- transcript); nothing else here holds any of it.
CREATE TABLE transcripts (
    generation TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL,
    workspace  TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    text       BLOB   NOT NULL
);

CREATE INDEX transcripts_by_end ON transcripts (expires_at);
CREATE INDEX transcripts_by_workspace ON transcripts (account, workspace, expires_at);

-- +goose Down
DROP TABLE transcripts;
