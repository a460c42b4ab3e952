/* A disk that fails when it is told to, laid over the C library's file functions by LD_PRELOAD.
 *
 * Rule 1: only files whose paths begin as `disk_plan` was told are touched; everything else goes straight through.
 * Rule 2: writes, syncs and reads are counted from 1. When the one comes that is planned for, what is planned happens.
 * Rule 3: a power cut forgets what was not synced. Each sector that was written since the file's last sync is kept or
 *         lost on its own, and so is each cut of a file's length. That a file was made or removed is never lost.
 *
 * Memory that is mapped (SQLite's -shm) is not watched: nobody reads it after a crash.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 4096
#define SECTOR 512

/* As in disk.py. */
enum operation { WRITE, SYNC, READ, OPERATIONS };
enum outcome { NOTHING, FAIL, FAIL_FROM_NOW_ON, DIE, CUT_THE_POWER };

/* Something that was done to a file and is not known to be on disk. */
struct change {
    struct change *before;
    char *path;
    off_t offset;
    off_t length;               /* of the file, before it */
    size_t old_size, new_size;  /* of what it replaces, and of what it writes: nothing where it cuts the file */
    char *old, *new;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *watched;
static char *paths[FILES];      /* of the watched files that are open, by descriptor */
static struct change *latest;
static long counts[OPERATIONS];
static struct {
    enum operation operation;
    long at;
    enum outcome outcome;
    long argument;              /* the error's number; how many bytes are still written; what chance begins with */
} plan;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* --- for the victim ----------------------------------------------------------------------------------------------- */

/* Counts anew. At the `at`-th operation on what lies under `under`, the outcome; what fails from the 0th on fails at
 * once. */
void disk_plan(const char *under, int operation, long at, int outcome, long argument)
{
    pthread_mutex_lock(&lock);
    watched = strdup(under);
    memset(counts, 0, sizeof counts);
    plan.operation = operation;
    plan.at = at;
    plan.outcome = outcome;
    plan.argument = argument;
    pthread_mutex_unlock(&lock);
}

/* How many operations there were since the plan was made. */
long disk_count(int operation)
{
    return counts[operation];
}

/* --- what is not synced ------------------------------------------------------------------------------------------- */

static void remember(int fd, off_t offset, const void *new, size_t new_size)
{
    struct stat file;
    if (plan.outcome != CUT_THE_POWER || fstat(fd, &file))
        return;
    struct change *change = calloc(1, sizeof *change);
    change->before = latest;
    change->path = strdup(paths[fd]);
    change->offset = offset;
    change->length = file.st_size;
    if (offset < file.st_size)
        change->old_size = file.st_size - offset;
    if (new_size && new_size < change->old_size)
        change->old_size = new_size;
    change->old = malloc(change->old_size);
    int again = REAL(open)(change->path, O_RDONLY);  /* it may have been opened for writing alone */
    if (REAL(pread)(again, change->old, change->old_size, offset) != (ssize_t)change->old_size)
        abort();
    REAL(close)(again);
    change->new_size = new_size;
    change->new = memcpy(malloc(new_size), new, new_size);
    latest = change;
}

static void forget(const char *path)
{
    for (struct change **place = &latest; *place;) {
        struct change *change = *place;
        if (strcmp(change->path, path)) {
            place = &change->before;
            continue;
        }
        *place = change->before;
        free(change->path);
        free(change->old);
        free(change->new);
        free(change);
    }
}

static void undo(const struct change *change)
{
    int file = REAL(open)(change->path, O_RDWR);
    REAL(pwrite)(file, change->old, change->old_size, change->offset);
    REAL(ftruncate)(file, change->length);
    REAL(close)(file);
}

/* One plan in three keeps nothing. */
static int is_kept(void)
{
    return plan.argument % 3 && random() % 2;
}

/* The oldest first: what was written over what is how it would have been. */
static void do_again_in_part(const struct change *change)
{
    if (!change)
        return;
    do_again_in_part(change->before);
    int file = REAL(open)(change->path, O_RDWR);
    if (!change->new_size && is_kept())
        REAL(ftruncate)(file, change->offset);
    for (size_t from = 0, to; from < change->new_size; from = to) {
        to = from + SECTOR - (change->offset + from) % SECTOR;
        if (to > change->new_size)
            to = change->new_size;
        if (is_kept())
            REAL(pwrite)(file, change->new + from, to - from, change->offset + from);
    }
    REAL(close)(file);
}

/* --- what happens ------------------------------------------------------------------------------------------------- */

static int fails_from_now_on(void)
{
    return plan.outcome == FAIL_FROM_NOW_ON && counts[plan.operation] >= plan.at;
}

/* Counts an operation; whether it is one that was planned for. */
static int is_struck(enum operation operation)
{
    counts[operation]++;
    return plan.operation == operation && (counts[operation] == plan.at || fails_from_now_on());
}

/* The number of the error that was planned, unless the process ends here. */
static int strike(void)
{
    if (plan.outcome == CUT_THE_POWER) {
        srandom(plan.argument);
        for (struct change *change = latest; change; change = change->before)
            undo(change);
        do_again_in_part(latest);
    }
    if (plan.outcome == DIE || plan.outcome == CUT_THE_POWER) {
        kill(getpid(), SIGKILL);
        pause();
    }
    return plan.argument;
}

/* --- the functions of the C library ------------------------------------------------------------------------------- */

static int is_watched(int fd)
{
    return fd >= 0 && fd < FILES && paths[fd];
}

static ssize_t write_watched(int fd, const void *data, size_t size, off_t offset)
{
    int error = 0;
    ssize_t written = -1;
    pthread_mutex_lock(&lock);
    remember(fd, offset, data, size);
    if (is_struck(WRITE)) {
        if (plan.outcome == DIE)
            REAL(pwrite)(fd, data, (size_t)plan.argument < size ? (size_t)plan.argument : size, offset);
        if (plan.outcome == FAIL_FROM_NOW_ON && counts[WRITE] == plan.at && size > 1)
            size /= 2;          /* into what room there was */
        else
            error = strike();
    }
    if (!error)
        written = REAL(pwrite)(fd, data, size, offset);
    pthread_mutex_unlock(&lock);
    if (error)
        errno = error;
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return is_watched(fd) ? write_watched(fd, data, size, offset) : REAL(pwrite)(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset)
{
    return pwrite(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size)
{
    if (!is_watched(fd))
        return REAL(write)(fd, data, size);
    ssize_t written = write_watched(fd, data, size, lseek(fd, 0, SEEK_CUR));
    if (written > 0)
        lseek(fd, written, SEEK_CUR);
    return written;
}

/* Whether reading fails. */
static int is_unreadable(int fd)
{
    if (!is_watched(fd))
        return 0;
    pthread_mutex_lock(&lock);
    int error = is_struck(READ) ? strike() : 0;
    pthread_mutex_unlock(&lock);
    if (error)
        errno = error;
    return error;
}

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    return is_unreadable(fd) ? -1 : REAL(pread)(fd, data, size, offset);
}

ssize_t pread64(int fd, void *data, size_t size, off_t offset)
{
    return pread(fd, data, size, offset);
}

ssize_t read(int fd, void *data, size_t size)
{
    return is_unreadable(fd) ? -1 : REAL(read)(fd, data, size);
}

/* The disk below is not asked: it would only take its time. */
static int sync_watched(int fd)
{
    pthread_mutex_lock(&lock);
    int error = is_struck(SYNC) ? strike() : 0;
    if (!error)
        forget(paths[fd]);
    pthread_mutex_unlock(&lock);
    if (error)
        errno = error;
    return error ? -1 : 0;
}

int fsync(int fd)
{
    return is_watched(fd) ? sync_watched(fd) : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    return is_watched(fd) ? sync_watched(fd) : REAL(fdatasync)(fd);
}

int ftruncate(int fd, off_t length)
{
    if (is_watched(fd)) {
        pthread_mutex_lock(&lock);
        remember(fd, length, "", 0);
        pthread_mutex_unlock(&lock);
    }
    return REAL(ftruncate)(fd, length);
}

int ftruncate64(int fd, off_t length)
{
    return ftruncate(fd, length);
}

int unlink(const char *path)
{
    pthread_mutex_lock(&lock);
    forget(path);
    pthread_mutex_unlock(&lock);
    return REAL(unlink)(path);
}

static int open_as(const char *path, int flags, mode_t mode)
{
    if (!watched || strncmp(path, watched, strlen(watched)))
        return REAL(open)(path, flags, mode);
    if (flags & O_CREAT && plan.operation == WRITE && fails_from_now_on() && access(path, F_OK)) {
        errno = plan.argument;
        return -1;
    }
    int fd = REAL(open)(path, flags, mode);
    if (fd >= 0 && fd < FILES)
        paths[fd] = strdup(path);
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);  /* where there is none, nobody looks at it */
    va_end(rest);
    return open_as(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return open_as(path, flags, mode);
}

int close(int fd)
{
    if (is_watched(fd)) {
        free(paths[fd]);
        paths[fd] = NULL;
    }
    return REAL(close)(fd);
}
