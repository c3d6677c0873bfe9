/*
 * err -- error codes, and the one text that explains the last of them.
 *
 * Library code returns 0 or a negative FERR_ code and never prints or exits.  Where a code alone
 * does not teach (what, where, why, what next), the function that found the fault sets the text:
 *
 *	return ferr(FERR_USAGE, "unknown field '%s'; did you mean '%s'?", name, near);
 *
 * The text is kept per thread until the next ferr(); a caller may add context with ferr_prefix().
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum {
	FERR_AGAIN = -1,    /* not yet: needs more input, or output is full; never shown */
	FERR_IO = -2,	    /* the system failed; trying again may help */
	FERR_NOMEM = -3,    /* no memory */
	FERR_TRUNC = -4,    /* a stream ended without its END: the stage before died */
	FERR_USAGE = -5,    /* flags, expressions, manifests, a file that is not there */
	FERR_NOTYET = -6,   /* cli.md promises it, a later version brings it */
	FERR_DATA = -7,	    /* a bad record under --on-bad fail */
	FERR_CORRUPT = -8,  /* bytes that fail their checksum or their layout */
	FERR_LIMIT = -9,    /* a stated bound was reached */
	FERR_FENCED = -10,  /* a newer attempt runs */
	FERR_REFUSED = -11, /* an outside system said no */
	FERR_UNKNOWN = -12, /* commit outcome unknown */
	FERR_CLOSED = -13,  /* the reader left (EPIPE): quiet end */
	FERR_LOST = -14,    /* input that was still to be read is gone */
};

/* Set the text of the current error; returns code, so that one can `return ferr(...)`. */
int ferr(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Same, with ": strerror(errno)" appended. */
int ferr_sys(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Put "prefix: " in front of the current text; returns code. */
int ferr_prefix(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The current text ("" if none was set); borrowed until the next call. */
const char *ferr_text(void);

/* Forget the current text. */
void ferr_clear(void);

/* Exit status of a code, as every man page lists them. */
int ferr_status(int code);
/* The error of an exit status, without a text: whoever failed has said why. */
int ferr_of(int status);

#endif
