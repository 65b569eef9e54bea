#include "CUsherLinux.h"

#include <sys/epoll.h>

int usher_epoll_open(void) {
    return epoll_create1(EPOLL_CLOEXEC);
}

int usher_epoll_add_once(int epoll, int descriptor, uint64_t number) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = number};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

int usher_epoll_wait(int epoll, uint64_t *numbers, int capacity) {
    struct epoll_event events[64];
    int count = epoll_wait(epoll, events, capacity < 64 ? capacity : 64, -1);
    for (int index = 0; index < count; index++) numbers[index] = events[index].data.u64;
    return count;
}
