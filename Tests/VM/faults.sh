# shellcheck shell=bash
# Ends, a dead agent and clocks on a machine with systemd; read by Tests/VM/run, whose functions it uses.

# What programs leave on a host with cron, at, logind and user managers. Some of it may be refused: then it is not left.
stay_around='(setsid sleep 3001 >/dev/null 2>&1 &)
    { echo "* * * * * sleep 3002" | crontab -; echo "sleep 3003" | at now + 1 minute; echo "sleep 3006" | batch
      systemd-run --user sleep 3004; systemd-run --scope --user sleep 3007 & loginctl enable-linger
      touch "/tmp/$USER" "/var/tmp/$USER" "/dev/shm/$USER"; ipcmk -M 4096; } >/dev/null 2>&1 </dev/null
    id -u; cat /proc/self/sessionid; echo; exec sleep 3005 >/dev/null'

# Beside what `leftovers` finds.
spools='
    ls "/var/spool/cron/crontabs/$name" 2>/dev/null; find /var/spool/cron/atjobs /var/mail /tmp /var/tmp /dev/shm \
        /run/user -xdev -user "$uid" 2>/dev/null
    ls "/var/lib/systemd/linger/$name" 2>/dev/null; awk -v uid="$uid" "\$8 == uid" /proc/sysvipc/shm'

fresh_account() { printf 'u-%s' "$(tr -dc 'a-z2-7' </dev/urandom | head -c 10 || true)"; }

begin_session() { # COMMAND [OPTION-OF-TICKET-ISSUE…]; sets account uid number session client
    local command=$1
    shift
    account=$(fresh_account)
    issue "$account" "$*"
    : >"$work/output"
    log_in "$account" "$command" >"$work/output" 2>"$work/errors" &
    client=$!
    for ((waited = 0; waited < patience; waited++)); do
        [[ $(wc -l <"$work/output") -ge 2 ]] && break
        kill -0 "$client" 2>/dev/null || { cat "$work/errors" >&2; fail "a login with a ticket is admitted"; }
        sleep 1
    done
    mapfile -t line <"$work/output"
    uid=${line[0]} number=${line[1]}
    session=$(guest "usher session list --json" | tr '{' '\n' | grep "\"$account\"" | grep -oE 's-[a-z2-7]{16}')
    [[ $session == s-???????????????? ]] || fail "the session of $account is listed"
}

expect_nothing_left() { # WHAT
    expect "$1: nothing is left, not even with cron, at, logind and the user's manager" "
        name=$account number=$number uid=$uid
        for i in \$(seq $patience); do left=\$($leftovers $spools); [ -z \"\$left\" ] && exit 0; sleep 1; done
        echo \"left: \$left\"; exit 1"
    expect "$1: the row says closed" "
        for i in \$(seq $patience); do
            usher session show $session | grep -qE '^state[[:space:]:]+closed' && exit 0; sleep 1
        done; usher session show $session; exit 1"
    wait "$client" || true
}

ends_of_every_cause() {
    begin_session "$stay_around"
    # Its child: the client itself, which `timeout` hands the signal on to.
    pkill -TERM -P "$client"
    expect_nothing_left "the client is gone"
    begin_session "$stay_around"
    expect "the leader is killed" "kill -KILL \$(usher session show $session --json | grep -oE '\"leader\": ?[0-9]+' |
        grep -oE '[0-9]+')"
    expect_nothing_left "the leader is killed"
    begin_session "$stay_around"
    expect "an administrator ends the session" "usher session end $session --reason test"
    expect_nothing_left "an administrator ends the session"
    begin_session "$stay_around"
    expect "the account is revoked" "usher revoke account $account --reason test | grep -q '; 1 session ended'"
    expect_nothing_left "the account is revoked"
    begin_session "$stay_around" --max 20s
    expect_nothing_left "the deadline"
}

# systemd's hand on the deadline: the scope's RuntimeMaxSec. It is the role's longest, as an administrator may extend.
deadline_with_a_dead_agent() {
    # The reload is a signal: it is done when the agent says so.
    expect "the role is made short" "
        sed -i 's/^max_duration = .*/max_duration = 90/' /etc/usher/roles.d/dba.toml
        readings() { journalctl -u usherd -o cat --no-pager | grep -c '^configuration read again'; }
        before=\$(readings); systemctl reload usherd || exit 1
        for i in \$(seq $patience); do [ \$(readings) -gt \$before ] && exit 0; sleep 1; done; exit 1"
    begin_session "$stay_around"
    expect "the session's scope has a RuntimeMaxSec of its own" "
        limit=\$(systemctl show -P RuntimeMaxUSec usher-$session.scope); echo \"\$limit\"; [[ \$limit == 1min* ]]"
    # Masked, as the service manager would start it again within a second; with its watchdog, which is the other hand.
    expect "the agent is killed and stays down" '
        systemctl mask --runtime usherd && systemctl kill --kill-whom=all --signal=KILL usherd; sleep 3
        systemctl stop "usher-watchdog-*.service"
        ! systemctl is-active -q usherd && ! pgrep -x usherd'
    expect "without the agent the processes of the scope end at the deadline" "
        for i in \$(seq $patience); do
            grep -q 'populated 0' /sys/fs/cgroup/usher.slice/usher-$session.scope/cgroup.events 2>/dev/null ||
                [ ! -e /sys/fs/cgroup/usher.slice/usher-$session.scope ] && exit 0
            sleep 1
        done; exit 1"
    expect "the agent starts again, and the role is as it was" '
        sed -i "s/^max_duration = .*/max_duration = 3600/" /etc/usher/roles.d/dba.toml
        systemctl unmask --runtime usherd && systemctl start usherd'
    expect_nothing_left "the deadline with a dead agent"
}

# An upgrade puts a new binary in place and restarts: the session, its entered processes and its limits go on.
upgrade_in_place() {
    begin_session "$stay_around" --max 120s
    expect "usherd upgrades in place" "
        before=\$(pgrep -cu $uid) && cp /usr/sbin/usherd /usr/sbin/usherd.new &&
        mv /usr/sbin/usherd.new /usr/sbin/usherd &&
        systemctl restart usherd && systemctl is-active usherd && usher session list | grep -q $session &&
        [ \$(pgrep -cu $uid) -ge \$before ]"
    expect_nothing_left "the deadline after the upgrade"
}

refused_again() { # WHAT
    if log_in "$account" true >"$work/output" 2>"$work/errors"; then
        fail "$1: the ticket is refused"
    fi
    ok "$1: the ticket is refused"
}

clock_and_snapshot() {
    account=$(fresh_account)
    issue "$account"
    log_in "$account" true >"$work/output" 2>"$work/errors" || fail "a login with a ticket is admitted"
    ok "a ticket is burned"
    expect "the clock is set back by an hour" 'date -s "-1 hour" >/dev/null'
    refused_again "a clock set back"
    local kept=$account
    account=$(fresh_account)
    issue "$account"
    refused_again "a ticket of the time that was set back, on a clock behind the mark"
    account=$kept
    expect "the clock is set right" 'date -s "+1 hour" >/dev/null'
    refused_again "a clock set right again"
    # Within its time a ticket is as fresh as the machine that is put back (Docs/Architecture.md); later it is not.
    account=$(fresh_account)
    valid=60s issue "$account"
    "$harness/vm" save before >/dev/null
    log_in "$account" true >"$work/output" 2>"$work/errors" || fail "a login with a short ticket is admitted"
    "$harness/vm" load before >/dev/null
    sleep 100
    expect "the machine is as it was before the login" 'systemctl is-active usherd'
    refused_again "a restored snapshot, after the ticket expired"
}
