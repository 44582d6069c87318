-- name: PutHouse :execrows
INSERT INTO house_versions (version, loaded_at, text)
VALUES (sqlc.arg('version'), sqlc.arg('loaded_at'), sqlc.arg('text'))
ON CONFLICT (version) DO UPDATE SET loaded_at = excluded.loaded_at;

-- name: LastHouse :one
SELECT version, loaded_at FROM house_versions ORDER BY loaded_at DESC LIMIT 1;

-- name: ReadHouse :one
SELECT text FROM house_versions WHERE version = sqlc.arg('version');
