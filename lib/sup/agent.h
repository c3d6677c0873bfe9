/*
 * agent -- what starts and watches the subtasks of one host for fcoord (`fcoord agent --stdio`).
 *
 * It speaks ctl messages on stdin and stdout, and routes those between fcoord and the subtasks by
 * their number without looking into them.  When its stdin ends, it kills all its children and ends:
 * no orphans.
 *
 * CTL_SPAWN body: u32 flags (1: its stdout is the descriptor in $FJORD_STDOUT), u32 number of
 * words, words; u32 number of wires, u32 edge each.  Wire i is descriptor 4 + i of the child; each
 * edge is named by two spawns, its writer's and its reader's, and becomes a socket pair. Descriptor
 * 3 is the child's control socket, $FJORD_CTL says so.
 *
 * With flag 2 the stage is there already, a part of a plain pipeline: in place of the words stand
 * u32 the descriptor of ours that leads to it, u32 its process.  Its wires are sent to it
 * with a byte of 0 (fio_send_fds). We can neither kill nor reap it: it ends when its descriptor is
 * closed.
 */
#ifndef SUP_AGENT_H
#define SUP_AGENT_H

#define AGENT_WIRE 4	     /* number of the first wire in a child */
#define AGENT_PRINTS 1u	     /* flag */
#define AGENT_JOINED 2u	     /* flag */
#define AGENT_GUEST 4	     /* number of the first descriptor that leads to a joined stage */
#define AGENT_EDGE (1 << 20) /* bytes of a socket's buffer */

/* Serve until stdin ends: 0, or an error. */
int agent_run(void);

#endif
