# shellcheck shell=bash
# The second hand on the deadlines, with systemd; read by Tests/VM/run, whose functions it uses.

watchdog_with_systemd() {
    expect "one watchdog runs, as a service of its own" '
        for i in $(seq '"$patience"'); do
            test "$(systemctl list-units --no-legend --state=running "usher-watchdog-*.service" | wc -l)" = 1 && exit 0
            sleep 1
        done; exit 1'
    begin_session 'id -u; cat /proc/self/sessionid; echo; exec sleep 3000 >/dev/null' --max 45s
    expect "the deadline ends a session while the agent is stopped" "
        systemctl stop usherd && grep -lsw $number /proc/[0-9]*/sessionid >/dev/null &&
        for i in \$(seq $patience); do
            grep -lsw $number /proc/[0-9]*/sessionid >/dev/null || exit 0
            sleep 1
        done; exit 1"
    expect "no watchdog stays without an agent and a session" '
        for i in $(seq '"$patience"'); do
            test "$(systemctl list-units --no-legend --all "usher-watchdog-*.service" | wc -l)" = 0 && exit 0
            sleep 1
        done; exit 1'
    expect "the next agent says that it was the deadline, by the watchdog" "
        systemctl start usherd && for i in \$(seq $patience); do
            usher session show $session | tr '\t' ' ' >/root/shown
            grep -q '^end reason deadline' /root/shown && grep -q '^ended by watchdog' /root/shown && exit 0
            sleep 1
        done; cat /root/shown; exit 1"
    expect_nothing_left "the deadline while the agent is stopped"
}
