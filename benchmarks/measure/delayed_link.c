/* A network link with delay, for kernels without sch_netem: frames of one TAP device appear on another one later.

   delayed_link MICROSECONDS NS1 NAME1 NS2 NAME2: makes TAP NAME1 in the network namespace NS1 and NAME2
   in NS2 ("-" is this process's own), and passes frames between them, each MICROSECONDS after it came. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { FRAMES = 4096, LONGEST = 9100 };

struct line {
    int from, to;
    unsigned head, tail; /* of a ring of frames under way */
    long long due[FRAMES];
    int length[FRAMES];
    char frame[FRAMES][LONGEST];
};

static struct line lines[2];

static long long now(void) { /* microseconds */
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static int tap(const char *space, const char *name) {
    int own = open("/proc/self/ns/net", O_RDONLY);
    if (strcmp(space, "-")) {
        char path[200];
        snprintf(path, sizeof path, "/var/run/netns/%s", space);
        int other = open(path, O_RDONLY);
        if (other < 0 || setns(other, CLONE_NEWNET)) { perror(path); exit(1); }
    }
    int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    struct ifreq asked = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    strncpy(asked.ifr_name, name, IFNAMSIZ - 1);
    if (device < 0 || ioctl(device, TUNSETIFF, &asked)) { perror(name); exit(1); }
    setns(own, CLONE_NEWNET);
    return device;
}

int main(int count, char **given) {
    if (count != 6) { fprintf(stderr, "usage: delayed_link MICROSECONDS NS1 NAME1 NS2 NAME2\n"); return 2; }
    long long delay = atoll(given[1]);
    int a = tap(given[2], given[3]), b = tap(given[4], given[5]);
    prctl(PR_SET_TIMERSLACK, 1000UL); /* nanoseconds */
    lines[0].from = lines[1].to = a;
    lines[0].to = lines[1].from = b;
    for (;;) {
        long long first = -1;
        for (int k = 0; k < 2; k++) {
            struct line *l = &lines[k];
            while (l->head - l->tail < FRAMES) {
                unsigned at = l->head % FRAMES;
                int length = read(l->from, l->frame[at], LONGEST);
                if (length <= 0) break;
                l->length[at] = length;
                l->due[at] = now() + delay;
                l->head++;
            }
            while (l->tail != l->head && l->due[l->tail % FRAMES] <= now()) {
                unsigned at = l->tail++ % FRAMES;
                if (write(l->to, l->frame[at], l->length[at]) < 0) continue; /* lost, as on a wire */
            }
            if (l->tail != l->head && (first < 0 || l->due[l->tail % FRAMES] < first))
                first = l->due[l->tail % FRAMES];
        }
        struct pollfd ready[2] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
        long long left = first < 0 ? 1000000 : first - now();
        if (left > 0) {
            struct timespec wait = {left / 1000000, left % 1000000 * 1000};
            ppoll(ready, 2, &wait, NULL);
        }
    }
}
