# shellcheck shell=bash
# The power is cut while logins and teardowns are under way; read by Tests/VM/run, whose functions it uses.
#
# POWER_CUTS (default 2) says how often on each machine: one takes half a minute to two minutes under emulation.
# POWER_SEED chooses the moments; it is printed.

# What an emulated boot spends time on and no login needs.
bare=mitigations=off
for unit in {systemd-binfmt,kmod-static-nodes,getty@tty1,serial-getty@ttyS0}.service \
    modprobe@{drm,dm_mod,loop,fuse,configfs,efi_pstore}.service {logrotate,systemd-tmpfiles-clean}.timer \
    sys-kernel-{debug,tracing,config}.mount sys-fs-fuse-connections.mount dev-hugepages.mount \
    proc-sys-fs-binfmt_misc.automount; do
    bare+=" systemd.mask=$unit"
done

# Leaves on the disk what cron would run and what a look into shared directories finds.
briefly='echo in; (setsid sleep 3001 >/dev/null 2>&1 &)
    { echo "* * * * * sleep 3002" | crontab -; touch "/tmp/$USER" "/var/tmp/$USER"; } >/dev/null 2>&1 </dev/null'

# Where the logins of accounts were when the power went: as the ledger said before an agent read it at the next boot.
places_at_the_cut='place() {
    sqlite3 /root/at-cut/usher.sqlite "SELECT coalesce(
        (SELECT session.state FROM session JOIN admission USING (handle) WHERE account = '\''$1'\''),
        (SELECT '\''burned'\'' FROM admission WHERE account = '\''$1'\''), '\''fresh'\'')"; }; for name in'

# Signed on this side, which is some twenty times faster: ACCOUNT TICKET on each line.
tickets() { # COUNT
    "$work/tree/usr/bin/usher" ticket issue --key "$work/broker.jwk" --issuer "$issuer" --host "$host" \
        --subject human:alice --role dba --approval APR-2381 --change CHG-1042 --valid 15m --count "$1"
}

tenths() { awk -v login="$login" -v count="$1" 'BEGIN { printf "%.2f", login * count / 10000 }'; } # COUNT

power_cuts() {
    # A whole login among four, in milliseconds.
    local login=8000
    local cuts=${POWER_CUTS:-2} seed=${POWER_SEED:-$RANDOM} cut begin host
    local -A places=([fresh]=0 [burned]=0 [opening]=0 [open]=0 [closing]=0 [closed]=0)
    local -a boots=()
    printf '  %d power cuts, POWER_SEED=%d\n' "$cuts" "$seed"
    RANDOM=$seed
    (umask 077 && "$harness/vm" pull /root/broker.jwk "$work/broker.jwk")
    host=$(guest 'usher host show' | grep -oE 'h-[a-z2-7]{16}')
    expect "the ledger is copied before an agent reads it" "
        mkdir -p /etc/systemd/system/usherd.service.d &&
        printf '[Service]\nExecStartPre=+/bin/sh -c \"rm -rf /root/at-cut; cp -a /var/lib/usher /root/at-cut\"\n' \
            >/etc/systemd/system/usherd.service.d/at-cut.conf && systemctl daemon-reload && sync"
    for ((cut = 1; cut <= cuts; cut++)); do
        begin=$SECONDS
        one_power_cut "$cut"
        printf '  power cut %d took %d s\n' "$cut" $((SECONDS - begin))
    done
    expect "the ledger is not copied any more" \
        'rm -r /etc/systemd/system/usherd.service.d /root/at-cut && systemctl daemon-reload'
    printf '  power cuts on %s: %d, seed %d; logins found fresh %d, burned %d, opening %d, open %d, closing %d, ' \
        "$VM_NAME" "$cuts" "$seed" "${places[fresh]}" "${places[burned]}" "${places[opening]}" "${places[open]}" \
        "${places[closing]}"
    printf 'closed %d; boots took %s s (least, middle, most)\n' "${places[closed]}" "$(printf '%s\n' "${boots[@]}" |
        sort -n | awk '{ all[NR] = $1 } END { print all[1] " / " all[int((NR + 1) / 2)] " / " all[NR] }')"
}

# Three logins, begun one after the other and each ended by itself after a moment, so that the cut finds them at
# different places: the prompt, the opening, work, the teardown. Moments are counted in tenths of a whole login, as long
# as the last one took: how fast an emulated machine is depends on what else runs.
one_power_cut() { # NUMBER
    local index moment begin all text accounts=() clients=() seen=() found=() pauses=() stays=()
    all=$(tickets 4)
    for index in 1 2 3 4; do
        read -r accounts[index] text <<<"$(sed -n "${index}p" <<<"$all")"
        (umask 077 && printf '%s\n' "$text" >"$work/ticket.$index")
        pauses[index]=$((RANDOM % 10))
        stays[index]=$((RANDOM % 10))
    done
    moment=$((RANDOM % 20))
    for index in 1 2 3; do
        ticket_file=$work/ticket.$index log_in "${accounts[index]}" "$briefly; sleep $(tenths "${stays[index]}")" \
            >"$work/output.$index" 2>/dev/null &
        clients[index]=$!
        sleep "$(tenths "${pauses[index]}")"
    done
    sleep "$(tenths "$moment")"
    "$harness/vm" crash >/dev/null
    for index in 1 2 3; do wait "${clients[index]}" 2>/dev/null || true; done
    begin=$SECONDS
    "$harness/vm" up --resume --timeout "$patience" --append "$bare" >/dev/null
    boots+=($((SECONDS - begin)))
    read -r -d '' found[1] found[2] found[3] \
        <<<"$(guest "$places_at_the_cut ${accounts[*]:0:3}; do place \$name; done")" || true
    for index in 1 2 3; do
        seen[index]=unseen
        if grep -q in "$work/output.$index"; then seen[index]=admitted; fi
        places[${found[index]}]=$((places[${found[index]}] + 1))
    done
    printf '  power cut %d: pauses %s, stays %s, cut after %s tenths of %d ms: found %s\n' "$1" \
        "${pauses[*]:0:3}" "${stays[*]:0:3}" "$moment" "$login" "${found[*]}"
    expect "power cut $1: no session, process, home, account, file or job is left, and every row is closed" '
        for i in $(seq 120); do
            left=$(systemctl is-active -q usherd || echo "no agent"; usher session list --json | grep -o "\"id\""
                ls /run/usher/home; grep -F " /run/usher/home/" /proc/mounts
                ls /run/usher/accounts | grep -E "^(u-|uid)"; pgrep -fx "sleep 300[12]"
                find /tmp /var/tmp /var/spool/cron /var/mail /var/lib/systemd/linger -xdev -uid +1879048191
                ls /var/spool/cron/crontabs | grep ^u-)
            [ -z "$left" ] && break; sleep 1
        done
        [ -z "$left" ] || { echo "left: $left"; exit 1; }
        ! usher session list --all --json | grep -oE "\"state\": ?\"(open|opening|closing)\""'
    admitted_once "$1"
}

# At once, as each waits for the emulated machine: a login as before the cut, and each ticket of before again. One that
# was not burned is good, and then as burned as the others.
admitted_once() { # NUMBER
    local index begin clients=()
    begin=$(date +%s%3N)
    for index in 1 2 3 4; do
        ticket_file=$work/ticket.$index log_in "${accounts[index]}" id -un \
            >"$work/again.$index" 2>"$work/errors.$index" &
        clients[index]=$!
    done
    for index in 1 2 3 4; do wait "${clients[index]}" || true; done
    login=$(($(date +%s%3N) - begin))
    [[ $(<"$work/again.4") == "${accounts[4]}" ]] ||
        { cat "$work/errors.4" >&2; fail "power cut $1: a login works again"; }
    ok "power cut $1: a login works again"
    for index in 1 2 3; do
        [[ ${seen[index]} == unseen || ${found[index]} != @(fresh|burned) ]] ||
            fail "power cut $1: ${accounts[index]} was admitted, and the disk does not know of it"
        if [[ ${found[index]} == fresh ]]; then
            [[ $(<"$work/again.$index") == "${accounts[index]}" ]] ||
                { cat "$work/errors.$index" >&2; fail "power cut $1: the fresh ticket of ${accounts[index]} is good"; }
            ticket_file=$work/ticket.$index log_in "${accounts[index]}" id -un \
                >"$work/again.$index" 2>"$work/errors.$index" || true
        fi
        [[ ! -s $work/again.$index ]] && grep -q refused "$work/errors.$index" || {
            cat "$work/errors.$index" >&2
            fail "power cut $1: the ticket of ${accounts[index]} (${found[index]}) is refused"
        }
    done
    ok "power cut $1: no ticket admits twice"
}
