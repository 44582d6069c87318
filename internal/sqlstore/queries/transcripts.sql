-- name: InsertTranscript :execrows
INSERT INTO transcripts (generation, account, workspace, at, expires_at, text)
VALUES (sqlc.arg('generation'), sqlc.arg('account'), sqlc.arg('workspace'), sqlc.arg('at'), sqlc.arg('expires_at'), sqlc.arg('text'))
ON CONFLICT DO NOTHING;

-- name: ReadTranscript :one
SELECT generation, account, workspace, at, expires_at, text FROM transcripts
WHERE account = sqlc.arg('account') AND generation = sqlc.arg('generation');

-- name: TranscriptOwners :many
SELECT DISTINCT account, workspace FROM transcripts;

-- name: CountTranscripts :one
SELECT COUNT(*) FROM transcripts;

-- name: BlankExpiredTranscripts :execrows
UPDATE transcripts SET expires_at = -expires_at, text = zeroblob(length(text)) WHERE generation IN (
    SELECT t.generation FROM transcripts AS t WHERE t.expires_at > 0 AND t.expires_at <= sqlc.arg('at') ORDER BY t.expires_at LIMIT 64
);

-- name: BlankTranscripts :execrows
UPDATE transcripts SET expires_at = -expires_at, text = zeroblob(length(text)) WHERE generation IN (
    SELECT t.generation FROM transcripts AS t
    WHERE t.account = sqlc.arg('account') AND t.workspace = sqlc.arg('workspace') AND t.expires_at > 0 LIMIT 64
);

-- name: DropBlankTranscripts :execrows
DELETE FROM transcripts WHERE generation IN (
    SELECT t.generation FROM transcripts AS t WHERE t.expires_at < 0 ORDER BY t.expires_at LIMIT 64
);
