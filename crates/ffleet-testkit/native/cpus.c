/*
 * Lets a program see as many CPUs as a test says, and counts its threads.
 *
 *     FFLEET_CPUS=128 FFLEET_CPUS_COUNT=FILE LD_PRELOAD=cpus.so ffmpeg …
 *
 * Programs count CPUs in four ways, and all four are answered: the affinity mask (FFmpeg, x264,
 * libgomp, Rust's standard library), sysconf (x265, SVT-AV1, libvpx), the lists below
 * /sys/devices/system (libnuma, which x265 of Debian asks) and /proc/cpuinfo (SVT-AV1, which looks
 * for sockets there). The answer is the smaller of FFLEET_CPUS and what the program has itself been
 * given by FFLEET_CPUS_SET, which stands for an affinity mask that a guard set before exec: sysconf
 * counts the machine's CPUs, the mask those that are allowed. Masks that are set are taken and
 * forgotten, since the kernel does not have these CPUs.
 *
 * Threads are counted by wrapping pthread_create: one more before the thread can run, one less when
 * its function has returned, has called pthread_exit or was cancelled. FILE is three 32-bit numbers in the
 * machine's order, shared memory, so that they are there however the program ends: live, peak,
 * started. The main thread is counted.
 *
 * The program ends with the thread that started it, where it is counted.
 *
 * With FFLEET_CPUS_TRACE set, each start writes a line to standard error: which library's function.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

struct count {
    atomic_uint live, peak, started;
};

static struct count nowhere;
static struct count *count = &nowhere;
static int machine, allowed, traces;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int number(const char *name, int otherwise)
{
    const char *text = getenv(name);
    int value = text ? atoi(text) : 0;
    return value > 0 && value <= CPU_SETSIZE ? value : otherwise;
}

__attribute__((constructor)) static void begin(void)
{
    machine = number("FFLEET_CPUS", 0);
    allowed = number("FFLEET_CPUS_SET", machine);
    if (allowed > machine)
        allowed = machine;
    traces = getenv("FFLEET_CPUS_TRACE") != NULL;
    const char *path = getenv("FFLEET_CPUS_COUNT");
    int file = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (file >= 0 && ftruncate(file, sizeof *count) == 0) {
        void *memory =
            mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (memory != MAP_FAILED)
            count = memory;
    }
    if (file >= 0)
        close(file);
    atomic_store(&count->live, 1);
    atomic_store(&count->peak, 1);
    /* Its process group is its own, so that what ends a test's group does not end it. */
    if (path)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Threads. */

struct start {
    void *(*run)(void *);
    void *with;
};

static void ended(void *unused)
{
    (void)unused;
    atomic_fetch_sub(&count->live, 1);
}

static void *counted(void *given)
{
    struct start start = *(struct start *)given;
    void *result;
    free(given);
    pthread_cleanup_push(ended, NULL);
    result = start.run(start.with);
    pthread_cleanup_pop(1);
    return result;
}

static void began(void)
{
    unsigned now = atomic_fetch_add(&count->live, 1) + 1;
    unsigned peak = atomic_load(&count->peak);
    atomic_fetch_add(&count->started, 1);
    while (now > peak && !atomic_compare_exchange_weak(&count->peak, &peak, now))
        ;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *with)
{
    static __typeof__(&pthread_create) real;
    struct start *start = malloc(sizeof *start);
    int error;
    if (!real)
        real = REAL(pthread_create);
    if (!start)
        return EAGAIN;
    *start = (struct start){run, with};
    if (traces) {
        Dl_info where = {0};
        dladdr((void *)run, &where);
        fprintf(stderr, "thread %s+%lx\n", where.dli_fname ? where.dli_fname : "?",
                (unsigned long)((char *)run - (char *)where.dli_fbase));
    }
    began();
    error = real(thread, attributes, counted, start);
    if (error) {
        free(start);
        ended(NULL);
    }
    return error;
}

/* CPUs. */

static int fill(size_t size, cpu_set_t *set)
{
    if (size * 8 < (size_t)machine) {
        errno = EINVAL;
        return -1;
    }
    memset(set, 0, size);
    for (int cpu = 0; cpu < allowed; cpu++)
        CPU_SET_S(cpu, size, set);
    return 0;
}

int sched_getaffinity(pid_t process, size_t size, cpu_set_t *set)
{
    return machine ? fill(size, set) : REAL(sched_getaffinity)(process, size, set);
}

int pthread_getaffinity_np(pthread_t thread, size_t size, cpu_set_t *set)
{
    if (!machine)
        return REAL(pthread_getaffinity_np)(thread, size, set);
    return fill(size, set) ? errno : 0;
}

int sched_setaffinity(pid_t process, size_t size, const cpu_set_t *set)
{
    return machine ? 0 : REAL(sched_setaffinity)(process, size, set);
}

int pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set)
{
    return machine ? 0 : REAL(pthread_setaffinity_np)(thread, size, set);
}

/* glibc counts those that are allowed as online since 2.34. */
long sysconf(int name)
{
    static __typeof__(&sysconf) real;
    if (machine && name == _SC_NPROCESSORS_ONLN)
        return allowed;
    if (machine && name == _SC_NPROCESSORS_CONF)
        return machine;
    if (!real)
        real = REAL(sysconf);
    return real(name);
}

int get_nprocs(void)
{
    return machine ? allowed : REAL(get_nprocs)();
}

int get_nprocs_conf(void)
{
    return machine ? machine : REAL(get_nprocs_conf)();
}

int sched_getcpu(void)
{
    int cpu = REAL(sched_getcpu)();
    return machine && cpu >= allowed ? 0 : cpu;
}

/* Files that say how many there are. */

static FILE *told(const char *path)
{
    FILE *file;
    if (!machine || !path)
        return NULL;
    if (strcmp(path, "/proc/cpuinfo") == 0) {
        file = tmpfile();
        for (int cpu = 0; file && cpu < machine; cpu++)
            fprintf(file, "processor\t: %d\nphysical id\t: 0\ncore id\t\t: %d\ncpu cores\t: %d\n\n", cpu,
                    cpu, machine);
    } else if (strncmp(path, "/sys/devices/system/cpu/", 24) == 0 &&
               (strcmp(path + 24, "online") == 0 || strcmp(path + 24, "possible") == 0 ||
                strcmp(path + 24, "present") == 0)) {
        file = tmpfile();
        if (file)
            fprintf(file, "0-%d\n", machine - 1);
    } else if (strcmp(path, "/sys/devices/system/node/node0/cpumap") == 0) {
        file = tmpfile();
        for (int word = (machine + 31) / 32; file && word > 0; word--) {
            int bits = machine - (word - 1) * 32;
            fprintf(file, "%08x%s", bits >= 32 ? 0xffffffffu : (1u << bits) - 1,
                    word > 1 ? "," : "\n");
        }
    } else {
        return NULL;
    }
    if (file)
        rewind(file);
    return file;
}

FILE *fopen(const char *path, const char *mode)
{
    static __typeof__(&fopen) real;
    FILE *file = told(path);
    if (!real)
        real = REAL(fopen);
    return file ? file : real(path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
    static __typeof__(&fopen) real;
    FILE *file = told(path);
    if (!real)
        real = REAL(fopen64);
    return file ? file : real(path, mode);
}

static int told_by_descriptor(const char *path)
{
    FILE *file = told(path);
    int descriptor;
    if (!file)
        return -1;
    descriptor = dup(fileno(file));
    fclose(file);
    lseek(descriptor, 0, SEEK_SET);
    return descriptor;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        static __typeof__(&name) real;                                                             \
        int descriptor = told_by_descriptor(path);                                                 \
        mode_t mode = 0;                                                                           \
        if (descriptor >= 0)                                                                       \
            return descriptor;                                                                     \
        if (flags & (O_CREAT | __O_TMPFILE)) {                                                     \
            va_list rest;                                                                          \
            va_start(rest, flags);                                                                 \
            mode = va_arg(rest, mode_t);                                                           \
            va_end(rest);                                                                          \
        }                                                                                          \
        if (!real)                                                                                 \
            real = REAL(name);                                                                     \
        return real(path, flags, mode);                                                            \
    }

OPEN(open)
OPEN(open64)
