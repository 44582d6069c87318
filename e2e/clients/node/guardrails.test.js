// Guardrails and workspaces by @openrouter/sdk, unmodified, which validates every answer.
import assert from "node:assert/strict";
import { OpenRouter } from "@openrouter/sdk";
import { base, key, managementKey, suite } from "./server.js";

const test = suite("@openrouter/sdk");
const client = (apiKey) => new OpenRouter({ apiKey, serverURL: base, retryConfig: { strategy: "none" } });
const admin = client(managementKey);
const ask = (apiKey) => client(apiKey).chat.send({ chatRequest: { model: "sim/echo", messages: [{ role: "user", content: "hello" }] } });
const all = async (pages) => {
  const found = [];
  for await (const page of await pages) found.push(...page.result.data);
  return found;
};

test("a guardrail and its assignments", async () => {
  const { data: made, key: guarded } = await admin.apiKeys.create({ requestBody: { name: "guarded", creatorUserId: "carol" } });
  const { data } = await admin.guardrails.create({
    createGuardrailRequest: { name: "SDK", ignoredModels: ["sim/echo"], enforceZdr: true, limitUsd: 5, resetInterval: "weekly", contentFilterBuiltins: [{ slug: "email", action: "redact" }] },
  });
  assert.equal(data.enforceZdrOther, true);
  assert.equal(data.limitUsd, 5);
  assert.equal(data.contentFilterBuiltins[0].label, "[EMAIL]");
  const { id } = data;
  assert.equal((await ask(guarded)).choices[0].message.content, "hello"); // assigned to nobody

  assert.equal((await admin.guardrails.bulkAssignKeys({ id, bulkAssignKeysRequest: { keyHashes: [made.hash] } })).assignedCount, 1);
  assert.equal((await admin.guardrails.bulkAssignMembers({ id, bulkAssignMembersRequest: { memberUserIds: ["carol"] } })).assignedCount, 1);
  assert.equal((await all(admin.guardrails.listGuardrailKeyAssignments({ id })))[0].keyHash, made.hash);
  assert.equal((await all(admin.guardrails.listGuardrailMemberAssignments({ id })))[0].userId, "carol");
  await assert.rejects(ask(guarded), (error) => error.statusCode === 404);
  assert.ok(!(await client(guarded).models.listForUser({ bearer: guarded }, {})).result?.data?.some((m) => m.id === "sim/echo"));

  const updated = await admin.guardrails.update({ id, updateGuardrailRequest: { ignoredModels: null, enforceZdr: false, contentFilterBuiltins: null } });
  assert.equal(updated.data.ignoredModels, null);
  await ask(guarded);
  assert.equal((await admin.guardrails.bulkUnassignKeys({ id, bulkUnassignKeysRequest: { keyHashes: [made.hash] } })).unassignedCount, 1);
  assert.ok((await all(admin.guardrails.list({}))).some((g) => g.id === id));
  assert.equal((await admin.guardrails.delete({ id })).deleted, true);
  await assert.rejects(admin.guardrails.get({ id }), (error) => error.statusCode === 404);
  await assert.rejects(client(key).guardrails.list({}), (error) => error.statusCode === 403);
});

test("a workspace and its budgets", async () => {
  const { data } = await admin.workspaces.create({ createWorkspaceRequest: { name: "SDK", slug: "sdk", defaultProviderSort: "price" } });
  assert.equal((await admin.workspaces.get({ id: "sdk" })).data.id, data.id);
  const set = await admin.workspaces.setBudget({ workspaceRef: data.id, interval: "monthly", upsertWorkspaceBudgetRequest: { limitUsd: 0.0000001, includeByokInBudgets: true } });
  assert.equal(set.data.resetInterval, "monthly");
  assert.equal(set.includeByokInBudgets, true);
  const { data: made, key: within } = await admin.apiKeys.create({ requestBody: { name: "within", workspaceId: data.id } });
  await assert.rejects(ask(within), (error) => error.statusCode === 403 && /Workspace monthly budget/.test(error.message));
  assert.equal((await admin.workspaces.deleteBudget({ workspaceRef: "sdk", interval: "monthly" })).deleted, true);
  assert.equal((await admin.workspaces.listBudgets({ workspaceRef: "sdk" })).data.length, 0);
  await ask(within);
  await assert.rejects(admin.workspaces.delete({ id: "sdk" }), (error) => error.statusCode === 400);
  await admin.apiKeys.delete({ hash: made.hash });
  assert.equal((await admin.workspaces.delete({ id: "sdk" })).deleted, true);
  assert.ok((await all(admin.workspaces.list({}))).some((w) => w.slug === "default"));
});
