/* Preloaded: counts the system calls that change a file, and kills the process before the one it was told.
 *
 * Loaded with LD_PRELOAD, so that the calls of SQLite and of Python's own file objects are seen as well.
 * kill_at(k) arms it: k > 0 kills before the k-th call from now, k < 0 only counts, 0 disarms.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long armed, count;

void kill_at(long k) { __atomic_store_n(&count, 0, __ATOMIC_SEQ_CST); __atomic_store_n(&armed, k, __ATOMIC_SEQ_CST); }
long calls(void) { return __atomic_load_n(&count, __ATOMIC_SEQ_CST); }

static void step(void) {
    long k = __atomic_load_n(&armed, __ATOMIC_SEQ_CST);
    if (k != 0 && __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST) == k) kill(getpid(), SIGKILL);
}

#define WRAP(type, name, parameters, arguments)                 \
    type name parameters {                                      \
        static type(*real) parameters;                          \
        if (!real) real = (type(*) parameters)dlsym(RTLD_NEXT, #name); \
        step();                                                 \
        return real arguments;                                  \
    }

WRAP(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
WRAP(ssize_t, writev, (int fd, const struct iovec *parts, int number), (fd, parts, number))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, fdatasync, (int fd), (fd))
WRAP(int, rename, (const char *from, const char *to), (from, to))
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, unlink, (const char *path), (path))
WRAP(int, rmdir, (const char *path), (path))
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(int, ftruncate, (int fd, off_t size), (fd, size))
WRAP(int, ftruncate64, (int fd, off64_t size), (fd, size))
