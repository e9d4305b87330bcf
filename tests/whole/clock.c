/* A wall clock that several processes share and a test moves: what the kernel says, and as many seconds as lie in the file of TRIMTAB_TEST_CLOCK.

   Only the time of day is moved. Monotonic time goes on as it is, so that nothing that waits waits longer or shorter; deadlines that were
   made from the moved time of day are moved back before they reach the kernel. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_UPTIME 1000000000

static const volatile int64_t nothing = 0;
static const volatile int64_t *moved = &nothing;
static int (*wait_condition)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static int (*wait_semaphore)(sem_t *, const struct timespec *);

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("TRIMTAB_TEST_CLOCK");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file >= 0) {
    void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) moved = page;
    close(file);
  }
  *(void **)&wait_condition = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
  *(void **)&wait_semaphore = dlsym(RTLD_NEXT, "sem_timedwait");
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int failed = syscall(SYS_clock_gettime, clock, now);
  if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *moved;
  return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  int failed = syscall(SYS_gettimeofday, now, zone);
  if (!failed) now->tv_sec += *moved;
  return failed;
}

time_t time(time_t *kept) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (kept) *kept = now.tv_sec;
  return now.tv_sec;
}

/* A deadline of the monotonic clock is nowhere near the time of day. */
static const struct timespec *kernels(const struct timespec *until, struct timespec *changed) {
  if (!until || until->tv_sec < LONGEST_UPTIME) return until;
  *changed = (struct timespec){until->tv_sec - *moved, until->tv_nsec};
  return changed;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, const struct timespec *restrict until) {
  struct timespec changed;
  return wait_condition(condition, mutex, kernels(until, &changed));
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until) {
  struct timespec changed;
  return wait_semaphore(semaphore, kernels(until, &changed));
}
