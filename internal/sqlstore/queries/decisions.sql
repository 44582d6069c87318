-- name: InsertDecision :execrows
INSERT INTO decisions (generation, account, began_at, snapshot, text)
VALUES (sqlc.arg('generation'), sqlc.arg('account'), sqlc.arg('began_at'), sqlc.arg('snapshot'), sqlc.arg('text'))
ON CONFLICT DO NOTHING;

-- name: ReadDecision :one
SELECT generation, account, began_at, snapshot, text FROM decisions WHERE generation = sqlc.arg('generation');

-- name: DecisionsSince :many
SELECT d.generation, d.account, d.began_at, d.snapshot, d.text,
       COALESCE(g.key_hash, '') AS key_hash, COALESCE(g.model, '') AS model, COALESCE(g.endpoint, '') AS endpoint,
       COALESCE(g.sheet, '') AS sheet, COALESCE(g.ended_at, 0) AS ended_at, COALESCE(g.prompt, 0) AS prompt,
       COALESCE(g.completion, 0) AS completion, COALESCE(g.charged, 0) AS charged, COALESCE(g.detail, x'') AS detail
FROM decisions d LEFT JOIN generations g ON g.id = d.generation
WHERE d.began_at >= sqlc.arg('since')
ORDER BY d.began_at;

-- name: CountDecisions :one
SELECT COUNT(*) FROM decisions WHERE began_at >= sqlc.arg('since');

-- name: DropDecisions :execrows
DELETE FROM decisions WHERE decisions.began_at < sqlc.arg('before') AND decisions.began_at <= (
    SELECT MAX(oldest.began_at) FROM (SELECT d.began_at FROM decisions AS d ORDER BY d.began_at LIMIT 1024) AS oldest
);

-- name: InsertSnapshot :execrows
INSERT INTO snapshots (version, used_at, packed)
VALUES (sqlc.arg('version'), sqlc.arg('used_at'), sqlc.arg('packed'))
ON CONFLICT (version) DO UPDATE SET used_at = excluded.used_at;

-- name: UseSnapshot :execrows
UPDATE snapshots SET used_at = sqlc.arg('used_at') WHERE version = sqlc.arg('version');

-- name: ReadSnapshot :one
SELECT packed FROM snapshots WHERE version = sqlc.arg('version');

-- name: DropSnapshots :execrows
DELETE FROM snapshots WHERE used_at < sqlc.arg('before');

-- name: PutMeta :execrows
INSERT INTO meta (name, value) VALUES (sqlc.arg('name'), sqlc.arg('value'))
ON CONFLICT (name) DO UPDATE SET value = excluded.value;
