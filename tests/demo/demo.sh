#!/usr/bin/env bash
# A mail from one end to the other, as the README promises: a server with TLS and a user, the article's mail sent to it by AUTH LOGIN
# with the transcript shown (secrets hidden), the mail listed and shown as received; then the same session typed by hand through nc.
# Ends with "mail succ!", or with a sentence that says which step failed; everything it started and made is gone either way.
# The command comes by POSTROAD, else it is build/release/bin/postroad.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
postroad=${POSTROAD:-$here/build/release/bin/postroad}
patience=20   # seconds: the bound of each wait
step="the start"
folder=
server_pid=
nc_pid=

fail() {
  printf '\nmail failed, at %s: %s\n' "$step" "$1" >&2
  if [[ -n $folder && -s $folder/serve.log ]]; then
    printf 'the server said:\n' >&2
    tail -n 5 "$folder/serve.log" >&2
  fi
  exit 1
}

clean_up() {
  local pid
  for pid in $nc_pid $server_pid; do
    kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
  done
  [[ -n $folder ]] && rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '\n\033[1m%s\033[0m\n' "$1"; }
[[ -t 1 && -z ${NO_COLOR:-} ]] || say() { printf '\n%s\n' "$1"; }

# --- what is needed

[[ -x $postroad ]] || fail "there is no command at $postroad; build it with ./dev build, or name it in POSTROAD"
for program in openssl nc mktemp; do
  command -v "$program" >/dev/null || fail "$program is missing; ./dev setup installs it"
done
folder=$(mktemp -d "${TMPDIR:-/tmp}/postroad-demo-XXXXXX") || fail "a temporary folder cannot be made"

# --- a server with TLS and a user

step="the certificate"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
  -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$folder/key.pem" -out "$folder/cert.pem" 2>"$folder/openssl.log" ||
  fail "$(tail -n 1 "$folder/openssl.log")"

step="the user"
export DEMO_PASSWORD="demo-$RANDOM-$RANDOM"
"$postroad" user add test --file "$folder/users" --password-env DEMO_PASSWORD || fail "the user could not be added"

step="the configuration"
cat >"$folder/postroad.toml" <<TOML
[server]
hostname = "mail.demo.example"
data = "$folder/data"
users = "$folder/users"

[local]
domains = ["demo.example"]
mailboxes = ["reader"]

[submission]   # in whose name a user may send, beyond their own
senders = ["test: test@163.com"]

[[listener]]   # for users: STARTTLS, then AUTH
port = 0
role = "submission"
tls = "required"
certificate = "$folder/cert.pem"
key = "$folder/key.pem"

[[listener]]   # for typing: takes addresses without angle brackets
port = 0
role = "catcher"
allow_bare_addresses = true
TOML
"$postroad" config check --config "$folder/postroad.toml" >/dev/null || fail "the configuration is wrong"

step="the server's start"
say "1. A server: submission with TLS and a user, and a catcher for typing"
mkfifo "$folder/out" || fail "a pipe cannot be made"
"$postroad" serve --config "$folder/postroad.toml" >"$folder/out" 2>"$folder/serve.log" &
server_pid=$!
exec {server_out}<"$folder/out"
ports=()
while ((${#ports[@]} < 2)); do
  IFS= read -r -t "$patience" -u "$server_out" line || fail "the server did not say where it listens"
  printf '%s\n' "$line"
  if [[ $line =~ ^listening\ on\ [^\ ,]*:([0-9]+) ]]; then
    ports+=("${BASH_REMATCH[1]}")
  fi
done

# --- the article's mail, sent

step="sending"
say "2. The article's mail, by AUTH LOGIN over TLS (-> we, <- the server)"
"$postroad" send --server "smtp://localhost:${ports[0]}" --ca-file "$folder/cert.pem" \
  --user test --password-env DEMO_PASSWORD --auth LOGIN --trace \
  --from 'test <test@163.com>' --to reader@demo.example --subject '測試標題' \
  --html '郵件內容 <a href="https://example.org">link</a>' >"$folder/outcome" 2>"$folder/trace"
sent=$?
cat "$folder/trace" "$folder/outcome"
((sent == 0)) || fail "postroad send ended with $sent"
grep -qF "$DEMO_PASSWORD" "$folder/trace" && fail "the password is in the transcript"
grep -qF "$(printf %s "$DEMO_PASSWORD" | base64)" "$folder/trace" && fail "the password is in the transcript, in base64"
grep -qF 'AUTH LOGIN' "$folder/trace" || fail "AUTH LOGIN was not used"

# --- "If it worked, look into the mailbox."

step="the mailbox"
say "3. The mailbox"
"$postroad" mail wait --data "$folder/data" --subject '測試標題' --timeout "${patience}s" >/dev/null || fail "the mail did not arrive"
"$postroad" mail list --data "$folder/data" || fail "the mail cannot be listed"
say "4. The mail, decoded"
"$postroad" mail show last --data "$folder/data" >"$folder/shown" || fail "the mail cannot be shown"
cat "$folder/shown"
for expected in 'Subject: 測試標題' '郵件內容 <a href="https://example.org">link</a>'; do
  grep -qF "$expected" "$folder/shown" || fail "'$expected' is not in the mail that arrived"
done

# --- the same, typed by hand

step="the session by hand"
say "5. The same typed by hand through nc: lower case, no angle brackets (> we)"
coproc NC { exec nc 127.0.0.1 "${ports[1]}"; }
nc_pid=$NC_PID
# Copies under names of our own: bash forgets NC's when nc ends.
exec {nc_out}<&"${NC[0]}" {nc_in}>&"${NC[1]}"
exec {NC[0]}<&- {NC[1]}>&-

hear() {   # hear CODE: the server's whole reply must begin with it
  local line
  while :; do
    IFS= read -r -t "$patience" -u "$nc_out" line || fail "no answer came, $1 was expected"
    line=${line%$'\r'}
    printf '  %s\n' "$line"
    [[ $line == "$1"* ]] || fail "the server answered '$line', $1 was expected"
    [[ ${line:3:1} == - ]] || return 0
  done
}
type_line() {
  printf '> %s\n' "$1"
  printf '%s\r\n' "$1" >&"$nc_in" || fail "the server is gone"
}

hear 220
type_line 'HELO localhost'
hear 250
type_line 'mail from:test@163.com'
hear 250
type_line 'rcpt to:reader@demo.example'
hear 250
type_line 'data'
hear 354
type_line 'From: test <test@163.com>'
type_line 'To: reader@demo.example'
type_line 'Subject: =?utf-8?B?5ris6Kmm5qiZ6aGM?= (by hand)'
type_line ''
type_line 'typed by hand'
type_line '.'
hear 250
type_line 'quit'
hear 221
exec {nc_in}>&-
wait "$nc_pid" 2>/dev/null
nc_pid=

step="the mailbox, a second time"
"$postroad" mail wait --data "$folder/data" --subject '測試標題 (by hand)' --timeout "${patience}s" >/dev/null || fail "the mail typed by hand did not arrive"
say "6. That mail, decoded"
id=$("$postroad" mail list --data "$folder/data" --subject '(by hand)' | cut -d ' ' -f 1)
"$postroad" mail show "$id" --data "$folder/data" >"$folder/shown" || fail "the mail typed by hand cannot be shown"
cat "$folder/shown"
grep -qF 'typed by hand' "$folder/shown" || fail "the text typed by hand is not in the mail that arrived"

# --- the end

step="the server's end"
kill "$server_pid"
wait "$server_pid"
ended=$?
server_pid=
((ended == 0)) || fail "the server ended with $ended"
printf '\nmail succ!\n'
