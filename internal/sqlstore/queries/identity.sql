-- name: InsertAccount :execrows
INSERT INTO accounts (id, name, workspace, created_at)
VALUES (sqlc.arg('id'), sqlc.arg('name'), sqlc.arg('workspace'), sqlc.arg('created_at'))
ON CONFLICT DO NOTHING;

-- name: ListAccounts :many
SELECT id, name, workspace, created_at FROM accounts ORDER BY created_at, id;

-- name: InsertKey :execrows
INSERT INTO api_keys (hash, digest, account, workspace, name, label, creator, management, disabled, include_byok, spend_limit, limit_reset, created_at, updated_at, expires_at, requests_per_minute, tokens_per_minute, data_class)
SELECT sqlc.arg('hash'), sqlc.arg('digest'), accounts.id, sqlc.arg('workspace'), sqlc.arg('name'), sqlc.arg('label'), sqlc.arg('creator'),
       sqlc.arg('management'), sqlc.arg('disabled'), sqlc.arg('include_byok'), sqlc.arg('spend_limit'), sqlc.arg('limit_reset'),
       sqlc.arg('created_at'), sqlc.arg('updated_at'), sqlc.arg('expires_at'), sqlc.arg('requests_per_minute'), sqlc.arg('tokens_per_minute'), sqlc.arg('data_class')
FROM accounts WHERE accounts.id = sqlc.arg('account');

-- name: LookupKey :one
SELECT hash, digest, account, workspace, name, label, creator, management, disabled, include_byok, spend_limit, limit_reset, created_at, updated_at, expires_at, requests_per_minute, tokens_per_minute, data_class
FROM api_keys WHERE hash = sqlc.arg('hash');

-- name: ListKeys :many
SELECT hash, digest, account, workspace, name, label, creator, management, disabled, include_byok, spend_limit, limit_reset, created_at, updated_at, expires_at, requests_per_minute, tokens_per_minute, data_class
FROM api_keys
WHERE account = sqlc.arg('account') AND disabled <= sqlc.arg('max_disabled')
  AND (workspace = sqlc.arg('workspace') OR sqlc.arg('workspace') = '')
ORDER BY created_at DESC, hash
LIMIT sqlc.arg('page') OFFSET sqlc.arg('skip');

-- name: UpdateKey :execrows
UPDATE api_keys SET name = sqlc.arg('name'), disabled = sqlc.arg('disabled'), include_byok = sqlc.arg('include_byok'),
    spend_limit = sqlc.arg('spend_limit'), limit_reset = sqlc.arg('limit_reset'), updated_at = sqlc.arg('updated_at'),
    requests_per_minute = sqlc.arg('requests_per_minute'), tokens_per_minute = sqlc.arg('tokens_per_minute'), data_class = sqlc.arg('data_class')
WHERE account = sqlc.arg('account') AND hash = sqlc.arg('hash');

-- name: DeleteKey :execrows
DELETE FROM api_keys WHERE account = sqlc.arg('account') AND hash = sqlc.arg('hash');

-- name: InsertMeta :execrows
INSERT INTO meta (name, value) VALUES (sqlc.arg('name'), sqlc.arg('value')) ON CONFLICT DO NOTHING;

-- name: ReadMeta :one
SELECT value FROM meta WHERE name = sqlc.arg('name');

-- name: InsertSheet :execrows
INSERT INTO price_sheets (hash, sheet) VALUES (sqlc.arg('hash'), sqlc.arg('sheet')) ON CONFLICT DO NOTHING;

-- name: ReadSheet :one
SELECT sheet FROM price_sheets WHERE hash = sqlc.arg('hash');
