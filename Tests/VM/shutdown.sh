# shellcheck shell=bash
# The host goes down with live sessions; read by Tests/VM/run, whose functions it uses.

# The last stop of the agent in the journal of the boot before, in seconds.
stop_of_the_agent="journalctl -b -1 -u usherd -o short-monotonic --no-pager |
    sed -nE 's/^\\[ *([0-9.]+)\\].*systemd\\[1\\]: (Stopping|Stopped) usherd.service.*/\\1 \\2/p' |
    awk '\$2 == \"Stopping\" { begin = \$1 } { end = \$1 } END { printf \"%.1f s\", end - begin }'"

# Down by `systemctl poweroff`, and up again.
goes_down() { # WHAT
    local begin=$SECONDS
    VM_DOWN_SECONDS=$patience "$harness/vm" down --keep >/dev/null
    local took=$((SECONDS - begin))
    "$harness/vm" up --resume --timeout "$patience" >/dev/null
    # A unit that held it up would be one that systemd lost its patience with. A user's manager that the agent killed
    # first is none: systemd kills what stands in its cgroup at once.
    expect "$1: the machine was shut down in order, and no unit held it up" '
        journalctl -b -1 --no-pager -o cat >/root/before
        grep -q "^Reached target poweroff.target" /root/before || exit 1
        ! grep -vE "^user@[0-9]+.service: Killing process" /root/before | grep -E "timed out|Killing process"'
    printf '  the shutdown took %d s, of it the stop of the agent %s\n' "$took" "$(guest "$stop_of_the_agent")"
}

host_shutdown() {
    local report='id -u; cat /proc/self/sessionid; echo;' kept each
    local -a live=()
    for command in 'exec sleep 3005 >/dev/null' '(setsid sleep 3001 >/dev/null 2>&1 &) ; exec sleep 3005 >/dev/null' \
        'systemd-run --user sleep 3004 >/dev/null 2>&1; exec sleep 3005 >/dev/null'; do
        begin_session "$report $command"
        live+=("$session $account $uid $client")
    done
    begin_session "$stay_around"
    live+=("$session $account $uid $client")
    expect "a job of the user's manager runs" '
        for i in $(seq 60); do pgrep -fx "[^ ]*sleep 3004" && exit 0; sleep 1; done; exit 1'
    goes_down "a shutdown with live sessions"
    guest 'usher host show --key >/root/host.pub' || fail "the host shows its key"
    for each in "${live[@]}"; do
        read -r session account uid client <<<"$each"
        # The audit session's number is another boot's.
        number=4294967294
        expect_nothing_left "a shutdown"
        expect "row, receipt and audit name the shutdown of $session" "
            usher session show $session | tr '\t' ' ' >/root/shown && cat /root/shown &&
            grep -qx 'end reason host shutdown' /root/shown && grep -qx 'ended by host' /root/shown &&
            usher session receipt $session --jws | usher receipt verify - --key /root/host.pub >/root/receipt &&
            tr '\t' ' ' </root/receipt >/root/shown && cat /root/shown &&
            grep -qx 'end reason host shutdown' /root/shown && grep -qx 'left nothing' /root/shown &&
            grep -qE '^(freeze|processes) removed process 1 [0-9]+ sleep' /root/shown &&
            ausearch --input-logs -i -m DEL_USER | grep 'session=$session ' | grep 'reason=host_shutdown by=host' &&
            ausearch --input-logs -i -m USER_END | grep 'acct=$account '"
        expect "the agent closed it before it stopped itself" "
            awk '/^session closed .*session=$session/ { closed = 1 } /^stopped .*sessions=0/ { exit !closed }
                END { exit !closed }' /root/before"
    done
    shutdown_that_the_agent_cannot_finish
}

# The ledger takes no row until the machine is down.
shutdown_that_the_agent_cannot_finish() {
    begin_session 'id -u; cat /proc/self/sessionid; echo; exec sleep 3005 >/dev/null'
    expect "the ledger is held by another program" '
        systemd-run -q --unit=holder -p Before=usherd.service sh -c \
            "(echo \"BEGIN IMMEDIATE;\"; exec sleep 3000) | sqlite3 /var/lib/usher/usher.sqlite"
        for i in $(seq 60); do
            sqlite3 /var/lib/usher/usher.sqlite "BEGIN IMMEDIATE; ROLLBACK;" 2>&1 | grep -q locked && exit 0; sleep 1
        done; exit 1'
    goes_down "a shutdown that the agent cannot finish"
    number=4294967294
    expect_nothing_left "a shutdown that the agent cannot finish"
    expect "the next boot says that the host was started again" "
        usher session show $session | tr '\t' ' ' >/root/shown; cat /root/shown
        grep -qx 'end reason host restarted' /root/shown"
}
