/* A disk that takes its time: every fsync and fdatasync waits SLOW_FSYNC_MS milliseconds first.
 *
 *   cc -shared -fPIC -O2 -o slow_fsync.so slow_fsync.c -ldl
 *   SLOW_FSYNC_MS=2 LD_PRELOAD=./slow_fsync.so postgres …
 *
 * Only adds a wait; the real call still follows, so nothing becomes less durable.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static void wait_first(void)
{
    const char *text = getenv("SLOW_FSYNC_MS");
    double ms = text ? atof(text) : 0.0;
    struct timespec left;
    int before = errno;

    if (ms <= 0.0)
        return;
    left.tv_sec = (time_t)(ms / 1000.0);
    left.tv_nsec = (long)((ms - 1000.0 * (double)left.tv_sec) * 1e6);
    while (nanosleep(&left, &left) == -1 && errno == EINTR)
        ;
    errno = before;
}

int fsync(int fd)
{
    static int (*real)(int);

    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    wait_first();
    return real(fd);
}

int fdatasync(int fd)
{
    static int (*real)(int);

    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait_first();
    return real(fd);
}
