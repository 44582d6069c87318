-- name: FindApp :one
SELECT id, title, categories, last_at FROM apps WHERE account = sqlc.arg('account') AND app_key = sqlc.arg('app_key');

-- name: CountApps :one
SELECT COUNT(*) FROM apps WHERE account = sqlc.arg('account');

-- name: LastApp :one
SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) AS id FROM apps;

-- name: InsertApp :execrows
INSERT INTO apps (id, account, app_key, url, title, categories, first_at, last_at)
VALUES (sqlc.arg('id'), sqlc.arg('account'), sqlc.arg('app_key'), sqlc.arg('url'), sqlc.arg('title'), sqlc.arg('categories'), sqlc.arg('first_at'), sqlc.arg('last_at'));

-- name: UpdateApp :execrows
UPDATE apps SET title = sqlc.arg('title'), categories = sqlc.arg('categories'), last_at = sqlc.arg('last_at') WHERE id = sqlc.arg('id');

-- name: ListApps :many
SELECT id, account, app_key, url, title, categories, first_at, last_at FROM apps WHERE account = sqlc.arg('account') ORDER BY id;
