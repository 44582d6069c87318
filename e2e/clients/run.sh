#!/usr/bin/env bash
# Runs vendors' own SDKs, unmodified, against the built binary: one server for
# all of them. Usage: run.sh [python] [node] [go]; all of them without a name.
# TURNPIKE_BIN names the binary; bin/turnpike of this repository otherwise.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
binary=${TURNPIKE_BIN:-$root/bin/turnpike}
[[ -x $binary ]] || { echo "run.sh: no binary at $binary: make build" >&2; exit 2; }

work=$(mktemp -d)
server=
stop() {
  if [[ -n $server ]]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
  fi
}
trap 'stop; rm -rf "$work"' EXIT

# free_port asks the kernel for a port nobody listens on.
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# key_of LABEL FILE finds the key on, or right below, the line that names it.
key_of() {
  grep -i -A1 -e "$1" "$2" | grep -o -m1 'sk-tp-v1-[0-9a-f]\{64\}' | head -n1
}

start() {
  local dir=$work/server port
  mkdir -p "$dir"
  port=$(free_port)
  # No key of the machine's may leak in: the suites ask sim alone.
  (cd "$dir" && exec env -i PATH="$PATH" HOME="$dir" \
    TURNPIKE_LISTEN="127.0.0.1:$port" TURNPIKE_DATABASE="sqlite://$dir/turnpike.db" TURNPIKE_DISCOVER=false \
    "$binary" >"$dir/out" 2>"$dir/err") &
  server=$!
  export TURNPIKE_E2E_HOST=http://127.0.0.1:$port TURNPIKE_E2E_BASE=http://127.0.0.1:$port/api/v1
  for _ in $(seq 100); do
    if curl -fsS -o "$dir/count" "$TURNPIKE_E2E_BASE/models/count" 2>/dev/null; then
      cat "$dir/out" "$dir/err" >"$dir/said"
      TURNPIKE_E2E_KEY=$(key_of 'user key' "$dir/said") || true
      TURNPIKE_E2E_MANAGEMENT_KEY=$(key_of 'management key' "$dir/said") || true
      export TURNPIKE_E2E_KEY TURNPIKE_E2E_MANAGEMENT_KEY
      [[ -n $TURNPIKE_E2E_KEY && -n $TURNPIKE_E2E_MANAGEMENT_KEY ]] && return
      echo "run.sh: the first start printed no keys:" >&2
      sed -E 's/sk-tp-v1-[0-9a-f]+/sk-tp-v1-.../g' "$dir/said" >&2
      exit 1
    fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  echo "run.sh: the server did not come up:" >&2
  cat "$dir/out" "$dir/err" >&2
  exit 1
}

passed=0 failed=0
count() { # PASSED FAILED STATUS: a suite that broke without a failing test has failed too
  local good=${1:-0} bad=${2:-0}
  passed=$((passed + good))
  failed=$((failed + bad))
  if [[ $3 -ne 0 && $bad -eq 0 ]]; then failed=$((failed + 1)); fi
}

python_install() {
  local venv=$here/python/.venv
  if ! cmp -s "$here/python/requirements.txt" "$venv/installed"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/python/requirements.txt"
    cp "$here/python/requirements.txt" "$venv/installed"
  fi
}

python_suite() {
  local status=0 ran bad
  (cd "$here/python" && PYTHONDONTWRITEBYTECODE=1 timeout 600 .venv/bin/python -m unittest -v) 2>&1 | tee "$work/python.log" || status=$?
  ran=$(sed -n 's/^Ran \([0-9]*\) tests\{0,1\} in.*/\1/p' "$work/python.log")
  # A test is counted once, however many of its models fail.
  bad=$({ grep -E '^(FAIL|ERROR): ' "$work/python.log" || true; } | sed -E 's/^(FAIL|ERROR): ([^ ]* \([^)]*\)).*/\2/' | sort -u | wc -l)
  ran=${ran:-0}
  count "$((ran > bad ? ran - bad : 0))" "$bad" "$status"
}

node_install() {
  (cd "$here/node" && { [[ node_modules/.package-lock.json -nt package-lock.json ]] || npm ci --ignore-scripts --no-audit --no-fund; })
}

node_suite() {
  local status=0
  (cd "$here/node" && timeout 600 node --test --test-concurrency=1 --test-reporter=tap ./*.test.js) >"$work/node.log" 2>&1 || status=$?
  grep -E '^ *(ok|not ok) ' "$work/node.log" || true
  if [[ $status -ne 0 ]]; then { grep -v -E '^ *(ok|duration_ms|---|\.\.\.)' "$work/node.log" || true; } | sed -n '1,400p'; fi
  count "$(sed -n 's/^# pass //p' "$work/node.log" | tail -n1)" "$(sed -n 's/^# fail //p' "$work/node.log" | tail -n1)" "$status"
}

go_install() {
  (cd "$here/go" && go test -c -o "$work/go.test" .)
}

go_suite() {
  local status=0
  (cd "$here/go" && timeout 600 "$work/go.test" -test.v -test.count=1) 2>&1 | tee "$work/go.log" || status=$?
  count "$(grep -c '^ *--- PASS' "$work/go.log" || true)" "$(grep -c '^ *--- FAIL' "$work/go.log" || true)" "$status"
}

if [[ $# -eq 0 ]]; then set -- python node go; fi
for suite in "$@"; do
  case $suite in
    python | node | go) ;;
    *) echo "run.sh: no suite $suite" >&2; exit 2 ;;
  esac
  "${suite}_install"
done
start
for suite in "$@"; do
  echo "== $suite"
  began=$SECONDS
  "${suite}_suite"
  echo "== $suite: $((SECONDS - began)) s"
done
echo "clients: $passed passed, $failed failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
