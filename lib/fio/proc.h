/*
 * proc -- processes and local sockets, part of the thin layer over the world (fio.h).
 *
 * Errors come back as errno with -1.  Descriptors are close-on-exec.
 */
#ifndef FIO_PROC_H
#define FIO_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

int fio_nonblock(int fd);
/* A connected pair of Unix sockets with buffers of `bytes` each way; numbers are >= FIO_FD_HIGH
 * where the limit allows, so that fio_spawn's targets never meet them. */
#define FIO_FD_HIGH 300
int fio_socketpair(int fd[2], int bytes);
int fio_pipe(int fd[2]); /* numbers as above */
int fio_high(int fd);	 /* the same descriptor under such a number; the old one is closed */
int fio_fd_limit(void);	 /* raise the soft limit to the hard one; returns it */

/*
 * Start file (a path, or a name looked up in $PATH) with argv and the environment env (NULL: ours).
 * map[i] becomes descriptor i of the child for i < nmap (-1: closed; sources must be >= nmap or
 * equal to i); nothing else is passed on.  The child leads its own process group, dies by SIGKILL
 * with the thread that started it, and has no signal blocked or ignored.  Returns its pid.
 */
pid_t fio_spawn(const char *file, char *const *argv, char *const *env, const int *map, int nmap);
int fio_pidfd(pid_t pid); /* readable when it has ended */
/* Reap: 1 and *status, 0 still running, -1. */
int fio_reap(pid_t pid, int *status, bool wait);
int fio_kill(pid_t pid, int sig);	/* to the process */
int fio_kill_group(pid_t pid, int sig); /* to its group */
pid_t fio_pid(void);
/* Go on in a child of our own session, detached from the terminal: 0 in the child, its pid in the
 * parent. */
pid_t fio_fork_detached(void);

/* A Unix socket at path: listening (an old one there is removed), connecting, accepting. */
int fio_unix_listen(const char *path);
int fio_unix_connect(const char *path);
int fio_accept(int fd);
/* Send a byte with n descriptors (up to FIO_FDS) over a connected Unix socket: 0.  Receive them: 1
 * and how many came, 0 at the end of the stream. */
#define FIO_FDS 64u
int fio_send_fds(int fd, uint8_t byte, const int *fds, unsigned n);
int fio_recv_fds(int fd, uint8_t *byte, int fds[FIO_FDS], unsigned *n);
/* Go on in a child as well: 0 there, its pid in the parent. */
pid_t fio_fork(void);
int fio_cwd(char *to, size_t n); /* the working directory */
/* Our own executable's directory with a final slash, or NULL; static. */
const char *fio_exe_dir(void);

#endif
