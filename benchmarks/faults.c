/* Counts what a run does to the disk, and goes wrong at the n-th time: `benchmarks/faults.py` compiles and preloads it.
 *
 * An operation is an open for writing, write, truncate, fsync, rename, unlink, rmdir or mkdir of something below one of
 * the folders in FAULT_ROOT ("a:b"). A database's commit is made of these. FAULT_COUNTER is a file of eight bytes, shared by all
 * processes of the run; beside it, FAULT_COUNTER.log gets a line for each operation. At operation FAULT_AT:
 *
 *   FAULT_ACTION=kill    the process group is killed before the operation
 *   FAULT_ACTION=half    half of the write is done, then the group is killed
 *   FAULT_ACTION=enospc  this operation and every later one that needs room fail: the disk is full
 *   FAULT_ACTION=eio     this one operation fails
 *   FAULT_ACTION=clock   from this operation on, the clock of the day is 26 hours behind
 *
 * All goes by system calls, which have one form where libc has many. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum verdict { GO, FAIL, HALF };

static _Atomic long *counter;
static int log_fd = -1;
static long fault_at;
static const char *action = "", *roots = "";

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("FAULT_COUNTER");
    char log_path[PATH_MAX];
    if (!path || !getenv("FAULT_ROOT")) return;
    roots = getenv("FAULT_ROOT");
    action = getenv("FAULT_ACTION") ? getenv("FAULT_ACTION") : "";
    fault_at = getenv("FAULT_AT") ? atol(getenv("FAULT_AT")) : 0;
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *shared = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    snprintf(log_path, sizeof log_path, "%s.log", path);
    fd = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 900); /* out of the way of what the program numbers */
    close(fd);
    if (shared != MAP_FAILED) counter = shared;
}

static int is_watched(const char *path) {
    for (const char *root = roots; *root;) {
        size_t length = strcspn(root, ":");
        if (!strncmp(path, root, length) && (path[length] == '/' || !path[length])) return 1;
        root += length + (root[length] == ':');
    }
    return 0;
}

/* The absolute path of `path` below the folder `fd`, or of `fd` itself. */
static void resolve(int fd, const char *path, char *found) {
    char link[64];
    size_t length = 0;
    if (!path || *path != '/') {
        if (fd == AT_FDCWD) strcpy(link, "/proc/self/cwd");
        else snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t read = readlink(link, found, PATH_MAX - 1);
        length = read > 0 ? (size_t)read : 0;
        if (path) found[length++] = '/';
    }
    snprintf(found + length, PATH_MAX - length, "%s", path ? path : "");
}

/* Count an operation and say what becomes of it. */
static enum verdict meet(const char *name, int needs_room, int fd, const char *path) {
    char found[2 * PATH_MAX], line[2 * PATH_MAX + 64];
    int saved = errno;
    if (!counter) return GO;
    resolve(fd, path, found);
    if (!is_watched(found)) return errno = saved, GO;
    long number = atomic_fetch_add(counter, 1) + 1;
    int length = snprintf(line, sizeof line, "%ld\t%s\t%s\n", number, name, found);
    syscall(SYS_write, log_fd, line, length);
    errno = saved;
    if (!fault_at || number < fault_at) return GO;
    if (!strcmp(action, "enospc") && needs_room) return errno = ENOSPC, FAIL;
    if (!strcmp(action, "eio") && number == fault_at) return errno = EIO, FAIL;
    if (!strcmp(action, "half") && number == fault_at && !strcmp(name, "write")) return HALF;
    while (!strcmp(action, "kill") || !strcmp(action, "half")) kill(0, SIGKILL);
    return GO;
}

static ssize_t half(ssize_t written) {
    for (;;) kill(0, SIGKILL);
    return written;
}

/* Whether making `path` takes room: what is there already is only opened. */
static int is_new(int dir, const char *path) {
    int saved = errno, missing = faccessat(dir, path, F_OK, 0) != 0;
    return errno = saved, missing;
}

static int do_open(int dir, const char *path, int flags, mode_t mode) {
    int writes = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
    if (writes && meet("open", is_new(dir, path), dir, path) == FAIL) return -1;
    return syscall(SYS_openat, dir, path, flags, mode);
}

#define MODE(last)                                                            \
    va_list rest;                                                             \
    va_start(rest, last);                                                     \
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest)

int open(const char *path, int flags, ...) { MODE(flags); return do_open(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags); return do_open(AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE(flags); return do_open(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE(flags); return do_open(dir, path, flags, mode); }
int creat(const char *path, mode_t mode) { return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

static FILE *do_fopen(const char *name, const char *path, const char *mode) {
    FILE *(*real)(const char *, const char *) = dlsym(RTLD_NEXT, name);
    if (strpbrk(mode, "wa+") && meet("open", is_new(AT_FDCWD, path), AT_FDCWD, path) == FAIL) return NULL;
    return real(path, mode);
}
FILE *fopen(const char *path, const char *mode) { return do_fopen("fopen", path, mode); }
FILE *fopen64(const char *path, const char *mode) { return do_fopen("fopen64", path, mode); }

#define WRITE(whole, part)                                  \
    enum verdict verdict = meet("write", 1, fd, NULL);      \
    if (verdict == HALF) return half(part);                 \
    return verdict == FAIL ? -1 : (whole)

ssize_t write(int fd, const void *from, size_t size) {
    WRITE(syscall(SYS_write, fd, from, size), syscall(SYS_write, fd, from, size / 2));
}
ssize_t pwrite(int fd, const void *from, size_t size, off_t at) {
    WRITE(syscall(SYS_pwrite64, fd, from, size, at), syscall(SYS_pwrite64, fd, from, size / 2, at));
}
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) { return pwrite(fd, from, size, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
    WRITE(syscall(SYS_writev, fd, parts, count), syscall(SYS_writev, fd, parts, count / 2));
}
ssize_t sendfile(int fd, int from, off_t *at, size_t size) {
    WRITE(syscall(SYS_sendfile, fd, from, at, size), syscall(SYS_sendfile, fd, from, at, size / 2));
}
ssize_t sendfile64(int fd, int from, off64_t *at, size_t size) { return sendfile(fd, from, at, size); }
ssize_t copy_file_range(int from, off64_t *from_at, int fd, off64_t *at, size_t size, unsigned flags) {
    WRITE(syscall(SYS_copy_file_range, from, from_at, fd, at, size, flags),
          syscall(SYS_copy_file_range, from, from_at, fd, at, size / 2, flags));
}

#define DO(name, needs_room, dir, path, call) return meet(name, needs_room, dir, path) == FAIL ? -1 : (int)(call)

int ftruncate(int fd, off_t size) { DO("truncate", 1, fd, NULL, syscall(SYS_ftruncate, fd, size)); }
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }
int fsync(int fd) { DO("fsync", 0, fd, NULL, syscall(SYS_fsync, fd)); }
int fdatasync(int fd) { DO("fsync", 0, fd, NULL, syscall(SYS_fdatasync, fd)); }
int renameat2(int from_dir, const char *from, int dir, const char *path, unsigned flags) {
    DO("rename", 0, dir, path, syscall(SYS_renameat2, from_dir, from, dir, path, flags));
}
int renameat(int from_dir, const char *from, int dir, const char *path) { return renameat2(from_dir, from, dir, path, 0); }
int rename(const char *from, const char *path) { return renameat2(AT_FDCWD, from, AT_FDCWD, path, 0); }
int unlinkat(int dir, const char *path, int flags) {
    DO(flags & AT_REMOVEDIR ? "rmdir" : "unlink", 0, dir, path, syscall(SYS_unlinkat, dir, path, flags));
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int remove(const char *path) {
    struct stat at;
    return unlinkat(AT_FDCWD, path, !lstat(path, &at) && S_ISDIR(at.st_mode) ? AT_REMOVEDIR : 0);
}
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int mkdirat(int dir, const char *path, mode_t mode) { DO("mkdir", is_new(dir, path), dir, path, syscall(SYS_mkdirat, dir, path, mode)); }
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* The clock of the day, which goes back in the middle of a run. */
static time_t behind(void) {
    return counter && fault_at && !strcmp(action, "clock") && atomic_load(counter) >= fault_at ? 26 * 3600 : 0;
}
int clock_gettime(clockid_t id, struct timespec *at) {
    int code = syscall(SYS_clock_gettime, id, at);
    if (!code && id == CLOCK_REALTIME) at->tv_sec -= behind();
    return code;
}
int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    return at->tv_sec = now.tv_sec, at->tv_usec = now.tv_nsec / 1000, 0;
}
time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return at ? *at = now.tv_sec : now.tv_sec;
}
