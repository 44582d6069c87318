-- name: ReadPolicyRevision :one
SELECT revision FROM policy_revisions WHERE account = sqlc.arg('account');

-- name: PutPolicyRevision :execrows
INSERT INTO policy_revisions (account, revision) VALUES (sqlc.arg('account'), sqlc.arg('revision'))
ON CONFLICT (account) DO UPDATE SET revision = excluded.revision;

-- name: ReadAccount :one
SELECT id, name, workspace, created_at FROM accounts WHERE id = sqlc.arg('id');

-- name: ListPolicyObjects :many
SELECT account, kind, id, version, text, created_at, updated_at FROM policy_objects
WHERE account = sqlc.arg('account') ORDER BY created_at, id;

-- name: PutPolicyObject :execrows
INSERT INTO policy_objects (account, kind, id, version, text, created_at, updated_at)
VALUES (sqlc.arg('account'), sqlc.arg('kind'), sqlc.arg('id'), sqlc.arg('version'), sqlc.arg('text'), sqlc.arg('created_at'), sqlc.arg('updated_at'))
ON CONFLICT (account, kind, id) DO UPDATE SET version = excluded.version, text = excluded.text, created_at = excluded.created_at, updated_at = excluded.updated_at;

-- name: DeletePolicyObject :execrows
DELETE FROM policy_objects WHERE account = sqlc.arg('account') AND kind = sqlc.arg('kind') AND id = sqlc.arg('id');

-- name: InsertPolicyVersion :execrows
INSERT INTO policy_versions (account, revision, kind, id, version, text, at, actor)
VALUES (sqlc.arg('account'), sqlc.arg('revision'), sqlc.arg('kind'), sqlc.arg('id'), sqlc.arg('version'), sqlc.arg('text'), sqlc.arg('at'), sqlc.arg('actor'));

-- name: PolicyAt :many
SELECT v.kind, v.id, v.version, v.text, v.revision, v.at, v.actor FROM policy_versions AS v
WHERE v.account = sqlc.arg('account') AND length(v.text) > 0 AND v.revision = (
    SELECT MAX(b.revision) FROM policy_versions AS b
    WHERE b.account = v.account AND b.kind = v.kind AND b.id = v.id AND b.revision <= sqlc.arg('revision'))
ORDER BY v.kind, v.id;

-- name: CountKeysOfWorkspace :one
SELECT COUNT(*) FROM api_keys WHERE account = sqlc.arg('account') AND workspace = sqlc.arg('workspace');

-- name: CountWorkspace :one
SELECT COUNT(*) FROM policy_objects WHERE account = sqlc.arg('account') AND kind = 'workspace' AND id = sqlc.arg('id');

-- name: UsageOfMember :one
SELECT CAST(COALESCE(SUM(key_usage.charged), 0) AS BIGINT) AS charged
FROM key_usage JOIN api_keys ON api_keys.hash = key_usage.key_hash
WHERE key_usage.account = sqlc.arg('account') AND api_keys.account = key_usage.account
  AND api_keys.creator = sqlc.arg('creator') AND key_usage.day >= sqlc.arg('day');

-- name: UsageOfMemberInWorkspace :one
SELECT CAST(COALESCE(SUM(key_usage.charged), 0) AS BIGINT) AS charged
FROM key_usage JOIN api_keys ON api_keys.hash = key_usage.key_hash
WHERE key_usage.account = sqlc.arg('account') AND api_keys.account = key_usage.account
  AND api_keys.creator = sqlc.arg('creator') AND api_keys.workspace = sqlc.arg('workspace') AND key_usage.day >= sqlc.arg('day');

-- name: UsageOfWorkspace :one
SELECT CAST(COALESCE(SUM(key_usage.charged), 0) AS BIGINT) AS charged
FROM key_usage JOIN api_keys ON api_keys.hash = key_usage.key_hash
WHERE key_usage.account = sqlc.arg('account') AND api_keys.account = key_usage.account
  AND api_keys.workspace = sqlc.arg('workspace') AND key_usage.day >= sqlc.arg('day');

-- name: ReadPolicyObject :one
SELECT text FROM policy_objects WHERE account = sqlc.arg('account') AND kind = sqlc.arg('kind') AND id = sqlc.arg('id');
