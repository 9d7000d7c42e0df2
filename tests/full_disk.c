/* Loaded into a process before all else: as many writes into the folder that FULL_DISK_FOLDER names still go well as
   stand in the file that FULL_DISK names, and each one after them finds the disk full. The file's two numbers are the
   writes left, and the writes refused so far; all processes that were started with it share them. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

struct disk {
    _Atomic int64_t left, refused;
};

static struct disk *disk;
static char folder[4096];

__attribute__((constructor)) static void look_at_the_file(void)
{
    const char *path = getenv("FULL_DISK"), *named = getenv("FULL_DISK_FOLDER");
    int file = path && named ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    snprintf(folder, sizeof folder, "%s/", named);
    void *seen = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (seen != MAP_FAILED)
        disk = seen;
}

static int is_full(const char *path)
{
    if (!disk || strncmp(path, folder, strlen(folder)))
        return 0;
    if (atomic_fetch_sub(&disk->left, 1) > 0)
        return 0;
    atomic_fetch_add(&disk->refused, 1);
    errno = ENOSPC;
    return 1;
}

static int is_full_for(int file)
{
    char link[64], path[4096];
    if (!disk)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    int kept = errno;
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = kept;
    if (length < 0)
        return 0;
    path[length] = 0;
    return is_full(path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int file, const void *bytes, size_t count)
{
    return is_full_for(file) ? -1 : REAL(write)(file, bytes, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at)
{
    return is_full_for(file) ? -1 : REAL(pwrite)(file, bytes, count, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at)
{
    return is_full_for(file) ? -1 : REAL(pwrite64)(file, bytes, count, at);
}

ssize_t sendfile(int to, int from, off_t *at, size_t count)
{
    return is_full_for(to) ? -1 : REAL(sendfile)(to, from, at, count);
}

ssize_t sendfile64(int to, int from, off64_t *at, size_t count)
{
    return is_full_for(to) ? -1 : REAL(sendfile64)(to, from, at, count);
}

int mkdir(const char *path, mode_t mode)
{
    return is_full(path) ? -1 : REAL(mkdir)(path, mode);
}
