-- name: InsertPreset :execrows
INSERT INTO presets (id, account, workspace, slug, name, description, creator, status, status_at, version, created_at, updated_at)
VALUES (sqlc.arg('id'), sqlc.arg('account'), sqlc.arg('workspace'), sqlc.arg('slug'), sqlc.arg('name'), sqlc.arg('description'),
        sqlc.arg('creator'), sqlc.arg('status'), sqlc.arg('status_at'), sqlc.arg('version'), sqlc.arg('created_at'), sqlc.arg('updated_at'));

-- name: InsertPresetVersion :execrows
INSERT INTO preset_versions (preset, number, id, account, creator, dialect, prompt, config, created_at)
VALUES (sqlc.arg('preset'), sqlc.arg('number'), sqlc.arg('id'), sqlc.arg('account'), sqlc.arg('creator'), sqlc.arg('dialect'),
        sqlc.arg('prompt'), sqlc.arg('config'), sqlc.arg('created_at'));

-- name: ReadPreset :one
SELECT p.id, p.account, p.workspace, p.slug, p.name, p.description, p.creator, p.status, p.status_at, p.version, p.created_at, p.updated_at,
       v.id AS version_id, v.creator AS version_creator, v.dialect, v.prompt, v.config, v.created_at AS version_created_at
FROM presets p JOIN preset_versions v ON v.preset = p.id AND v.number = p.version
WHERE p.account = sqlc.arg('account') AND p.workspace = sqlc.arg('workspace') AND p.slug = sqlc.arg('slug');

-- name: ListPresets :many
SELECT p.id, p.slug, p.name, p.description, p.creator, p.status, p.status_at, p.version, p.created_at, p.updated_at, v.id AS version_id
FROM presets p JOIN preset_versions v ON v.preset = p.id AND v.number = p.version
WHERE p.account = sqlc.arg('account') AND p.workspace = sqlc.arg('workspace')
ORDER BY p.updated_at DESC, p.id
LIMIT sqlc.arg('page') OFFSET sqlc.arg('skip');

-- name: CountPresets :one
SELECT COUNT(*) FROM presets WHERE account = sqlc.arg('account') AND workspace = sqlc.arg('workspace');

-- name: CountAllPresets :one
SELECT COUNT(*) FROM presets WHERE account = sqlc.arg('account');

-- name: ListPresetVersions :many
SELECT preset, number, id, account, creator, dialect, prompt, config, created_at
FROM preset_versions WHERE preset = sqlc.arg('preset')
ORDER BY number
LIMIT sqlc.arg('page') OFFSET sqlc.arg('skip');

-- name: CountPresetVersions :one
SELECT COUNT(*) FROM preset_versions WHERE preset = sqlc.arg('preset');

-- name: CountAllPresetVersions :one
SELECT COUNT(*) FROM preset_versions WHERE account = sqlc.arg('account');

-- name: LastPresetVersion :one
SELECT number FROM preset_versions WHERE preset = sqlc.arg('preset') ORDER BY number DESC LIMIT 1;

-- name: ReadPresetVersion :one
SELECT preset, number, id, account, creator, dialect, prompt, config, created_at
FROM preset_versions WHERE preset = sqlc.arg('preset') AND number = sqlc.arg('number');

-- name: HasPresetVersion :one
SELECT COUNT(*) FROM preset_versions WHERE preset = sqlc.arg('preset') AND number = sqlc.arg('number');

-- name: UpdatePreset :execrows
UPDATE presets SET name = sqlc.arg('name'), description = sqlc.arg('description'), status = sqlc.arg('status'), status_at = sqlc.arg('status_at'),
    version = sqlc.arg('version'), updated_at = sqlc.arg('updated_at')
WHERE id = sqlc.arg('id');

-- name: DeletePreset :execrows
DELETE FROM presets WHERE id = sqlc.arg('id');

-- name: DeletePresetVersions :execrows
DELETE FROM preset_versions WHERE preset = sqlc.arg('preset');

-- name: DeletePresetVersionsOf :execrows
DELETE FROM preset_versions
WHERE preset IN (SELECT p.id FROM presets p WHERE p.account = sqlc.arg('account') AND p.workspace = sqlc.arg('workspace'));

-- name: DeletePresetsOf :execrows
DELETE FROM presets WHERE account = sqlc.arg('account') AND workspace = sqlc.arg('workspace');
