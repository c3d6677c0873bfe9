/* proc: see proc.h. */
#include "fio/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fio/fio.h"

int
fio_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags == -1 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int
fio_fd_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return -1;
	r.rlim_cur = r.rlim_max > 65536 ? 65536 : r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	return (int)r.rlim_cur;
}

int
fio_high(int fd)
{
	int to = fd == -1 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FIO_FD_HIGH);

	if (to == -1)
		return fd;
	close(fd);
	return to;
}

int
fio_socketpair(int fd[2], int bytes)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == -1)
		return -1;
	for (int i = 0; i < 2; i++) {
		fd[i] = fio_high(fd[i]);
		setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	}
	return 0;
}

int
fio_pipe(int fd[2])
{
	if (pipe2(fd, O_CLOEXEC) == -1)
		return -1;
	fd[0] = fio_high(fd[0]);
	fd[1] = fio_high(fd[1]);
	return 0;
}

/* In the child, between fork and exec: only calls that are safe there. */
static void
become(const char *file, char *const *argv, char *const *env, const int *map, int nmap,
       pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	for (int s = 1; s < 32; s++)
		signal(s, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	for (int i = 0; i < nmap; i++) {
		if (map[i] == i)
			fcntl(i, F_SETFD, 0);
		else if (map[i] != -1 && dup2(map[i], i) == -1)
			_exit(126);
	}
	execvpe(file, argv, env);
	dprintf(2, "%s: %s\n", file, strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

pid_t
fio_spawn(const char *file, char *const *argv, char *const *env, const int *map, int nmap)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		become(file, argv, env != NULL ? env : environ, map, nmap, parent);
	if (pid > 0)
		setpgid(pid, pid); /* whoever is first; the other one's failure is no harm */
	return pid;
}

int
fio_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

int
fio_reap(pid_t pid, int *status, bool wait)
{
	pid_t got;

	do
		got = waitpid(pid, status, wait ? 0 : WNOHANG);
	while (got == -1 && errno == EINTR);
	return got == -1 ? -1 : got == pid;
}

int
fio_kill(pid_t pid, int sig)
{
	return kill(pid, sig);
}

int
fio_kill_group(pid_t pid, int sig)
{
	return kill(-pid, sig);
}

pid_t
fio_pid(void)
{
	return getpid();
}

pid_t
fio_fork_detached(void)
{
	pid_t pid = fork();

	if (pid == 0)
		setsid();
	return pid;
}

static int
unix_address(const char *path, struct sockaddr_un *a)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(a->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(a->sun_path, path, strlen(path) + 1);
	return 0;
}

/* A path may be longer than an address holds: its directory is reached through /proc then. */
static int
unix_socket(const char *path, struct sockaddr_un *a, int *dirfd)
{
	const char *slash = strrchr(path, '/');
	char dir[4096], near[64];

	*dirfd = -1;
	if (unix_address(path, a) == -1) {
		if (slash == NULL || (size_t)(slash - path) >= sizeof(dir))
			return -1;
		memcpy(dir, path, (size_t)(slash - path));
		dir[slash - path] = '\0';
		if ((*dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC)) == -1)
			return -1;
		snprintf(near, sizeof(near), "/proc/self/fd/%d%.40s", *dirfd, slash);
		if (unix_address(near, a) == -1)
			return -1;
	}
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

int
fio_unix_listen(const char *path)
{
	struct sockaddr_un a;
	int dirfd, fd = unix_socket(path, &a, &dirfd), rc = -1;

	if (fd != -1) {
		unlink(a.sun_path);
		rc = bind(fd, (struct sockaddr *)&a, sizeof(a));
		if (rc == 0)
			rc = listen(fd, 128);
	}
	if (dirfd != -1)
		close(dirfd);
	if (rc == -1 && fd != -1)
		close(fd);
	return rc == -1 ? -1 : fd;
}

int
fio_unix_connect(const char *path)
{
	struct sockaddr_un a;
	int dirfd, fd = unix_socket(path, &a, &dirfd), rc = -1;

	if (fd != -1)
		rc = connect(fd, (struct sockaddr *)&a, sizeof(a));
	if (dirfd != -1)
		close(dirfd);
	if (rc == -1 && fd != -1)
		close(fd);
	return rc == -1 ? -1 : fd;
}

int
fio_accept(int fd)
{
	return accept4(fd, NULL, NULL, SOCK_CLOEXEC);
}

int
fio_send_fds(int fd, uint8_t byte, const int *fds, unsigned n)
{
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(FIO_FDS * sizeof(int))] = { 0 };
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (n > FIO_FDS) {
		errno = EMSGSIZE;
		return -1;
	}
	if (n > 0) {
		m.msg_control = room;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int
fio_recv_fds(int fd, uint8_t *byte, int fds[FIO_FDS], unsigned *n)
{
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(FIO_FDS * sizeof(int))];
	struct iovec v = { byte, 1 };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)
	};
	struct cmsghdr *c;
	ssize_t k;

	*n = 0;
	if ((k = recvmsg(fd, &m, MSG_CMSG_CLOEXEC)) != 1)
		return (int)k;
	c = CMSG_FIRSTHDR(&m);
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		*n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), *n * sizeof(int));
	}
	return 1;
}

pid_t
fio_fork(void)
{
	return fork();
}

const char *
fio_exe_dir(void)
{
	static char dir[4096];
	ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);

	if (n <= 0)
		return NULL;
	dir[n] = '\0';
	*(strrchr(dir, '/') + 1) = '\0';
	return dir;
}

int
fio_cwd(char *to, size_t n)
{
	return getcwd(to, n) != NULL ? 0 : -1;
}
