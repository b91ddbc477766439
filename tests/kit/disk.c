/* A disk that fails to order, for the real program: preloaded, it stands between a process and the C library
 * for the files below one folder. Orders come in a file that the test and the process both have in memory, so
 * they may change while the process runs, and what is counted there outlives it.
 *
 * It also remembers what a loss of power would take: for each page of the database and its log that was written
 * and not synced since, what is on the disk instead. A sync that fails leaves most such pages behind as Linux does:
 * the next sync succeeds and does not write them, unless they were written again. That a file was cut gets to the
 * disk as a whole or not at all, as file systems with a journal have it. `disk.rs` has the other half.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096
enum { RULES = 16, FILES = 4, PAGES = 12288 };
enum { WRITE = 1, SYNC = 2, CREATE = 3 };
enum { FAIL = 1, DELAY = 2, TEAR = 3, KILL = 4 };
enum { FREE = 0, DIRTY = 1, LOST = 2, CUT = 3 };
#define ENDLESS UINT64_MAX
#define UNCUT UINT64_MAX

struct rule {
    uint64_t operation, skip, times, what, argument, done;
    char match[80]; /* a part of the path; empty for all */
};
struct file {
    uint64_t inode, durable, cut; /* the least size since the last sync that went well, if less than before it */
    char path[488];
};
struct page {
    uint64_t inode, number, state, length;
};
struct control {
    uint64_t quota, tracks, overflow, chance; /* a quota of bytes below the folder; 0 for none */
    struct rule rules[RULES];
    struct file files[FILES];
    struct page pages[PAGES];
    unsigned char before[PAGES][PAGE]; /* what is on the disk in the place of each page */
};

static struct control *control;
static char folder[400];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_fsync)(int), (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off64_t), (*real_fallocate)(int, int, off64_t, off64_t);
static int (*real_open)(const char *, int, ...), (*real_openat)(int, const char *, int, ...);
static int (*real_unlink)(const char *);

__attribute__((constructor)) static void begin(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fallocate = dlsym(RTLD_NEXT, "fallocate64");
    real_open = dlsym(RTLD_NEXT, "open64");
    real_openat = dlsym(RTLD_NEXT, "openat64");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    const char *orders = getenv("HODHOD_FAULTS_CONTROL"), *where = getenv("HODHOD_FAULTS_FOLDER");
    if (!orders || !where) return;
    int fd = real_open(orders, O_RDWR | O_CLOEXEC);
    if (fd < 0) abort();
    void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) abort();
    close(fd);
    snprintf(folder, sizeof folder, "%s/", where);
    control = map;
}

static int is_below(const char *path) { return strncmp(path, folder, strlen(folder)) == 0; }

/* The path of a file that is ours to fail. */
static int ours(int fd, char path[512]) {
    if (!control) return 0;
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, 511);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

/* The order that is due, with its argument; 0 for none. */
static uint64_t order(uint64_t operation, const char *path, uint64_t *argument) {
    for (int i = 0; i < RULES; i++) {
        struct rule *rule = &control->rules[i];
        uint64_t times = __atomic_load_n(&rule->times, __ATOMIC_ACQUIRE);
        if (!times || rule->operation != operation || !strstr(path, rule->match)) continue;
        if (rule->skip) {
            rule->skip--;
            continue;
        }
        /* It may be taken back in this moment. */
        if (times != ENDLESS
            && !__atomic_compare_exchange_n(&rule->times, &times, times - 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            continue;
        rule->done++;
        *argument = rule->argument;
        return rule->what;
    }
    return 0;
}

static uint64_t used(const char *path, int depth) {
    uint64_t sum = 0;
    DIR *entries = opendir(path);
    if (!entries) return 0;
    for (struct dirent *entry; (entry = readdir(entries));) {
        char name[768];
        struct stat about;
        if (entry->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (lstat(name, &about)) continue;
        if (S_ISREG(about.st_mode)) sum += about.st_size;
        if (S_ISDIR(about.st_mode) && depth) sum += used(name, depth - 1);
    }
    closedir(entries);
    return sum;
}

/* True if a file may not grow to this size. */
static int is_full(int fd, uint64_t end) {
    struct stat about;
    if (!control->quota || fstat(fd, &about) || end <= (uint64_t)about.st_size) return 0;
    return used(folder, 2) + end - about.st_size > control->quota;
}

static int is_tracked(const char *path) {
    if (!control->tracks) return 0;
    const char *name = strrchr(path, '/') + 1;
    return !strcmp(name, "hodhod.db") || !strcmp(name, "hodhod.db-wal");
}

static struct file *file_of(const char *path, const struct stat *about) {
    for (int i = 0; i < FILES; i++)
        if (control->files[i].inode == about->st_ino) return &control->files[i];
    for (int i = 0; i < FILES; i++) {
        struct file *file = &control->files[i];
        if (file->inode) continue;
        file->durable = about->st_size;
        file->cut = UNCUT;
        snprintf(file->path, sizeof file->path, "%s", path);
        file->inode = about->st_ino;
        return file;
    }
    control->overflow = 1;
    return NULL;
}

/* Notes what is on the disk where a page is about to become dirty or to be cut. */
static void touch(int fd, uint64_t inode, uint64_t number, uint64_t state) {
    struct page *free = NULL;
    uint64_t slot = (number * 0x9E3779B97F4A7C15u + inode) % PAGES;
    for (int i = 0; i < PAGES; i++) {
        struct page *page = &control->pages[(slot + i) % PAGES];
        if (page->inode == inode && page->number == number && page->state != FREE) {
            page->state = state;
            return;
        }
        if (page->state == FREE && !free) free = page;
        if (page->inode == 0) break; /* never used: nothing of this page is further on */
    }
    if (!free) {
        control->overflow = 1;
        return;
    }
    ssize_t length = pread64(fd, control->before[free - control->pages], PAGE, number * PAGE);
    free->length = length > 0 ? length : 0;
    free->inode = inode;
    free->number = number;
    free->state = state;
}

static void touch_range(int fd, const char *path, uint64_t from, uint64_t to) {
    struct stat about;
    if (!is_tracked(path) || fstat(fd, &about) || !file_of(path, &about)) return;
    for (uint64_t number = from / PAGE; number * PAGE < to; number++) touch(fd, about.st_ino, number, DIRTY);
}

static void cut(int fd, const char *path, uint64_t size, uint64_t end) {
    struct stat about;
    struct file *file;
    if (!is_tracked(path) || fstat(fd, &about) || !(file = file_of(path, &about))) return;
    if (size < file->cut) file->cut = size;
    for (uint64_t number = size / PAGE; number * PAGE < end; number++) touch(fd, about.st_ino, number, CUT);
}

/* Of a sync that fails, some pages get to the disk. */
static int gets_there(void) {
    control->chance = control->chance * 6364136223846793005u + 1442695040888963407u;
    return (control->chance >> 62) == 0;
}

static void synced(int fd, const char *path, int well) {
    struct stat about;
    struct file *file;
    if (!is_tracked(path) || fstat(fd, &about) || !(file = file_of(path, &about))) return;
    for (int i = 0; i < PAGES; i++) {
        struct page *page = &control->pages[i];
        if (page->inode != about.st_ino) continue;
        if (page->state == DIRTY) page->state = well || gets_there() ? FREE : LOST;
        if (page->state == CUT && well) page->state = FREE;
    }
    if (!well) return;
    file->durable = about.st_size;
    file->cut = UNCUT;
}

static int fails(int error) {
    errno = error;
    return -1;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static ssize_t put(int fd, const void *bytes, size_t count, off64_t at, int placed) {
    char path[512];
    if (!ours(fd, path)) return placed ? real_pwrite(fd, bytes, count, at) : real_write(fd, bytes, count);
    uint64_t argument = 0;
    off64_t place = placed ? at : lseek64(fd, 0, SEEK_CUR);
    pthread_mutex_lock(&lock);
    uint64_t what = order(WRITE, path, &argument);
    if (what == KILL) die();
    if (what == TEAR) {
        touch_range(fd, path, place, place + count / 2);
        real_pwrite(fd, bytes, count / 2, place);
        die();
    }
    int full = what == FAIL ? (int)argument : is_full(fd, place + count) ? ENOSPC : 0;
    if (!full) touch_range(fd, path, place, place + count);
    ssize_t written = full ? fails(full) : placed ? real_pwrite(fd, bytes, count, at) : real_write(fd, bytes, count);
    int error = errno;
    pthread_mutex_unlock(&lock);
    if (what == DELAY) usleep(argument);
    errno = error;
    return written;
}

ssize_t write(int fd, const void *bytes, size_t count) { return put(fd, bytes, count, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return put(fd, bytes, count, at, 1); }
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) { return put(fd, bytes, count, at, 1); }

static int flush(int fd, int (*real)(int)) {
    char path[512];
    if (!ours(fd, path)) return real(fd);
    uint64_t argument = 0;
    pthread_mutex_lock(&lock);
    uint64_t what = order(SYNC, path, &argument);
    pthread_mutex_unlock(&lock);
    if (what == KILL) die();
    if (what == DELAY) usleep(argument);
    int result = what == FAIL ? fails(argument) : real(fd);
    int error = errno;
    pthread_mutex_lock(&lock);
    synced(fd, path, result == 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int fsync(int fd) { return flush(fd, real_fsync); }
int fdatasync(int fd) { return flush(fd, real_fdatasync); }

int ftruncate64(int fd, off64_t size) {
    char path[512];
    struct stat about;
    if (!ours(fd, path) || fstat(fd, &about)) return real_ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    int full = is_full(fd, size);
    if (!full && size < about.st_size) cut(fd, path, size, about.st_size);
    int result = full ? fails(ENOSPC) : real_ftruncate(fd, size);
    pthread_mutex_unlock(&lock);
    return result;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int fallocate64(int fd, int mode, off64_t at, off64_t length) {
    char path[512];
    if (ours(fd, path) && is_full(fd, at + length)) return fails(ENOSPC);
    return real_fallocate(fd, mode, at, length);
}
int fallocate(int fd, int mode, off_t at, off_t length) { return fallocate64(fd, mode, at, length); }

static int refuses_new(const char *path, int flags) {
    if (!control || !(flags & O_CREAT) || !is_below(path)) return 0;
    uint64_t argument = 0;
    pthread_mutex_lock(&lock);
    uint64_t what = access(path, F_OK) && order(CREATE, path, &argument) == FAIL ? argument : 0;
    pthread_mutex_unlock(&lock);
    return what ? fails(what) : 0;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open64(const char *path, int flags, ...) {
    MODE(flags)
    return refuses_new(path, flags) ? -1 : real_open(path, flags, mode);
}
int open(const char *path, int flags, ...) {
    MODE(flags)
    return refuses_new(path, flags) ? -1 : real_open(path, flags, mode);
}
int openat64(int at, const char *path, int flags, ...) {
    MODE(flags)
    return refuses_new(path, flags) ? -1 : real_openat(at, path, flags, mode);
}

int unlink(const char *path) {
    struct stat about;
    if (control && is_below(path) && !stat(path, &about)) {
        pthread_mutex_lock(&lock);
        for (int i = 0; i < FILES; i++)
            if (control->files[i].inode == about.st_ino) control->files[i].inode = 0;
        for (int i = 0; i < PAGES; i++)
            if (control->pages[i].inode == about.st_ino) control->pages[i].state = FREE;
        pthread_mutex_unlock(&lock);
    }
    return real_unlink(path);
}
