/*
 * userdbservice - the smallest systemd user-database service: it knows one user. It is what Usher would
 * be if it served names by IPC, written in C so that the comparison is with the quickest of its kind.
 * Protocol: https://systemd.io/USER_GROUP_API (Varlink; nss-systemd is the client).
 *
 * usage: userdbservice SOCKET USER UID
 *
 * The last part of SOCKET is the name of the service. Answers one connection after the other until it is
 * killed; creates the socket only when it is ready.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char *reply_for(const char *call, const char *service, const char *user, const char *uid)
{
    char *reply, by_name[128], by_uid[64];
    snprintf(by_name, sizeof by_name, "\"userName\":\"%s\"", user);
    snprintf(by_uid, sizeof by_uid, "\"uid\":%s", uid);
    int known = strstr(call, ".GetUserRecord\"") && (strstr(call, by_name) || strstr(call, by_uid));
    int length = known
        ? asprintf(&reply,
                   "{\"parameters\":{\"record\":{\"userName\":\"%s\",\"uid\":%s,\"gid\":%s,\"realName\":\"bench\","
                   "\"homeDirectory\":\"/nonexistent\",\"shell\":\"/usr/sbin/nologin\",\"disposition\":\"regular\","
                   "\"service\":\"%s\"},\"incomplete\":false}}",
                   user, uid, uid, service)
        : asprintf(&reply, "{\"error\":\"io.systemd.UserDatabase.NoRecordFound\",\"parameters\":{}}");
    if (length < 0)
        exit(2);
    return reply;
}

static void serve(int connection, const char *service, const char *user, const char *uid)
{
    char call[4096];
    size_t filled = 0;
    for (;;) {
        ssize_t got = read(connection, call + filled, sizeof call - filled);
        if (got <= 0)
            return;
        filled += (size_t)got;
        if (call[filled - 1] != 0) {
            if (filled == sizeof call)
                return;
            continue;
        }
        char *reply = reply_for(call, service, user, uid);
        size_t size = strlen(reply) + 1;
        ssize_t sent = send(connection, reply, size, MSG_NOSIGNAL);
        free(reply);
        if (sent != (ssize_t)size)
            return;
        filled = 0;
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc != 4 || strlen(argv[1]) + 5 > sizeof address.sun_path) {
        fprintf(stderr, "usage: userdbservice SOCKET USER UID\n");
        return 2;
    }
    const char *slash = strrchr(argv[1], '/');
    const char *service = slash ? slash + 1 : argv[1];
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* Bound under another name and renamed, so that whoever sees the socket can connect to it. */
    snprintf(address.sun_path, sizeof address.sun_path, "%s.new", argv[1]);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 64) < 0
        || chmod(address.sun_path, 0666) < 0 || rename(address.sun_path, argv[1]) < 0) {
        perror(argv[1]);
        return 2;
    }
    for (;;) {
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0)
            continue;
        serve(connection, service, argv[2], argv[3]);
        close(connection);
    }
}
