# Ends a cluster and removes its folder, $1, once standard input ends: when the test says so, or when its process is
# gone, however that ended.
cat >/dev/null

ours() { find /proc/[0-9]*/cwd -maxdepth 0 \( -lname "$1" -o -lname "$1/*" \) 2>/dev/null | cut -d / -f 3; }
send() { for process in $2; do kill -s "$1" "$process" 2>/dev/null; done; }

# SIGQUIT has PostgreSQL stop at once and free its shared memory. A paused process does not notice it before it goes on.
running=$(ours "$1")
send QUIT "$running"
send CONT "$running"
for _ in $(seq 250); do
  running=$(ours "$1")
  [ -z "$running" ] && break
  sleep 0.02
done
send KILL "$running"

# A server that was killed leaves a segment of shared memory, whose number is in this line.
segment=$(sed -n 7p "$1/data/postmaster.pid" 2>/dev/null | awk '{ print $2 }')
if ipcs -m 2>/dev/null | awk -v id="$segment" '$2 == id && $6 == 0 { found = 1 } END { exit !found }'; then
  ipcrm -m "$segment"
fi
rm -rf "$1"
