#!/usr/bin/env bash
# Runs real coding agents, unmodified, against the built binary: each carries out
# a scripted task with the model sim/agent, in an empty home and, where Linux lets
# it, with no network but loopback.
# Usage: run.sh [claude] [codex] [opencode] [opencode-messages] [opencode-responses];
# all of them without a name. TURNPIKE_BIN names the binary, bin/turnpike of this
# repository otherwise; AGENT_MODELS the models, sim/agent in every dialect
# otherwise.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
binary=${TURNPIKE_BIN:-$root/bin/turnpike}
[[ -x $binary ]] || { echo "run.sh: no binary at $binary: make build" >&2; exit 2; }

if [[ ${AGENTS_ISOLATED:-} != yes ]]; then
  # Not npm ci, which wants every other platform's package in the lock file too.
  (cd "$here" && { [[ node_modules/.package-lock.json -nt package-lock.json ]] || npm install --no-save --ignore-scripts --no-audit --no-fund; })
  # A network of its own, with loopback alone, before any agent starts.
  for isolate in "unshare --net" "unshare --map-root-user --net"; do
    # shellcheck disable=SC2086
    if command -v ip >/dev/null && $isolate ip link set lo up 2>/dev/null; then
      # shellcheck disable=SC2016
      AGENTS_ISOLATED=yes exec $isolate bash -c 'ip link set lo up && exec bash "$@"' run.sh "$0" "$@"
    fi
  done
  echo "run.sh: this machine does not let a network be taken away: the agents have all of it" >&2
fi

work=$(mktemp -d)
server=
cleanup() {
  if [[ -n $server ]]; then kill "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start() {
  local dir=$work/server port
  mkdir -p "$dir"
  port=$(free_port)
  host=http://127.0.0.1:$port
  (cd "$dir" && exec env -i PATH="$PATH" HOME="$dir" \
    TURNPIKE_LISTEN="127.0.0.1:$port" TURNPIKE_DATABASE="sqlite://$dir/turnpike.db" TURNPIKE_DISCOVER=false \
    "$binary" >"$dir/out" 2>"$dir/err") &
  server=$!
  for _ in $(seq 100); do
    if curl -fsS -o "$dir/count" "$host/api/v1/models/count" 2>/dev/null; then
      key=$(cat "$dir/out" "$dir/err" | grep -i -A1 -e 'user key' | grep -o -m1 'sk-tp-v1-[0-9a-f]\{64\}' | head -n1) || true
      [[ -n $key ]] && return
      break
    fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  echo "run.sh: the server did not come up, or printed no key:" >&2
  sed -E 's/sk-tp-v1-[0-9a-f]+/sk-tp-v1-.../g' "$dir/out" "$dir/err" >&2
  exit 1
}

# program PATTERN is the platform's own binary inside a package, which runs though
# no install script of the package has.
program() {
  local found
  found=$(compgen -G "$here/node_modules/$1" | head -n1) || true
  [[ -n $found ]] || { echo "run.sh: no node_modules/$1 for this platform" >&2; exit 1; }
  echo "$found"
}

# alone HOME COMMAND... runs an agent in the current folder with an empty
# environment, and ends it after two minutes.
alone() {
  local home=$1
  shift
  timeout --kill-after=5 120 env -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$home" TERM=dumb LANG=C.UTF-8 \
    DISABLE_TELEMETRY=1 DISABLE_ERROR_REPORTING=1 DISABLE_AUTOUPDATER=1 DO_NOT_TRACK=1 "$@" </dev/null
}

# Each agent is given HOME MODEL TASK, and runs in the folder it may change.

claude() {
  alone "$1" ANTHROPIC_BASE_URL="$host/api" ANTHROPIC_AUTH_TOKEN="$key" ANTHROPIC_API_KEY= ANTHROPIC_MODEL="$2" \
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 "$(program '@anthropic-ai/claude-code-*/claude')" \
    -p "$3" --allowedTools Bash Write
}

codex() {
  mkdir -p "$1/.codex"
  cat >"$1/.codex/config.toml" <<TOML
model = "$2"
model_provider = "turnpike"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.turnpike]
name = "Turnpike"
base_url = "$host/api/v1"
env_key = "TURNPIKE_KEY"
wire_api = "responses"
TOML
  # Its own sandbox needs rights that a container may not give; the folder is a
  # throwaway one.
  alone "$1" TURNPIKE_KEY="$key" "$(program '@openai/codex-*/vendor/*/bin/codex')" \
    exec --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox "$3"
}

opencode_by() { # PROVIDER PACKAGE HOME MODEL TASK
  mkdir -p "$3/.config/opencode"
  cat >"$3/.config/opencode/opencode.json" <<JSON
{
  "model": "$1/$4",
  "small_model": "$1/$4",
  "autoupdate": false,
  "share": "disabled",
  "provider": {
    "$1": {
      "npm": "$2",
      "options": { "baseURL": "$host/api/v1", "apiKey": "$key" },
      "models": { "$4": { "name": "agent", "tool_call": true } }
    }
  }
}
JSON
  alone "$3" OPENCODE_DISABLE_MODELS_FETCH=1 OPENCODE_DISABLE_LSP_DOWNLOAD=1 "$(program 'opencode-*/bin/opencode')" run "$5"
}

opencode() { opencode_by openrouter @openrouter/ai-sdk-provider "$@"; }
opencode-messages() { opencode_by turnpike @ai-sdk/anthropic "$@"; }
opencode-responses() { opencode_by turnpike @ai-sdk/openai "$@"; }

passed=0 failed=0
try() { # AGENT MODEL
  local agent=$1 model=$2 dir=$work/$1-${2//\//-} status=0 wrong=() began=$SECONDS
  mkdir -p "$dir/home" "$dir/folder"
  # Two commands and a file written by the agent's own tool, where it has one. The
  # first command makes what the last one reads.
  local task="run: printf 'made by %s\\n' '$agent' > made.txt
write note.txt: a note by $agent
run: cat made.txt note.txt"
  (cd "$dir/folder" && "$agent" "$dir/home" "$model" "$task") >"$dir/out" 2>"$dir/err" || status=$?
  [[ $status -eq 0 ]] || wrong+=("exit status $status")
  [[ $(cat "$dir/folder/made.txt" 2>/dev/null) == "made by $agent" ]] || wrong+=("made.txt is not as asked")
  [[ $(cat "$dir/folder/note.txt" 2>/dev/null) == "a note by $agent" ]] || wrong+=("note.txt is not as asked")
  # What it says at last is what the last command gave it.
  sed -E 's/\x1b\[[0-9;]*[A-Za-z]//g' "$dir/out" >"$dir/said"
  grep -q '^done: ' "$dir/said" || wrong+=("it did not say done")
  grep -q "made by $agent" "$dir/said" && grep -q "a note by $agent" "$dir/said" || wrong+=("it did not say what it read")
  if [[ ${#wrong[@]} -eq 0 ]]; then
    passed=$((passed + 1))
    echo "ok - $agent with $model ($((SECONDS - began)) s)"
    return
  fi
  failed=$((failed + 1))
  echo "not ok - $agent with $model ($((SECONDS - began)) s)"
  printf '  %s\n' "${wrong[@]}"
  (cd "$dir" && tail -n 40 out err) | sed -E 's/sk-tp-v1-[0-9a-f]+/sk-tp-v1-.../g; s/^/  | /'
}

if [[ $# -eq 0 ]]; then set -- claude codex opencode opencode-messages opencode-responses; fi
for agent in "$@"; do
  case $agent in
    claude | codex | opencode | opencode-messages | opencode-responses) ;;
    *) echo "run.sh: no agent $agent" >&2; exit 2 ;;
  esac
done
read -ra models <<<"${AGENT_MODELS:-sim/agent sim/agent-messages sim/agent-responses sim/agent-gemini sim/agent-converse sim/agent-cohere}"
start
for agent in "$@"; do
  for model in "${models[@]}"; do try "$agent" "$model"; done
done
echo "agents: $passed passed, $failed failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
