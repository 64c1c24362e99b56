/* SPDX-License-Identifier: MIT */

/*
 * arkd-journal: hands the containers' output to the journal, each instance its share. The engine could write to it by
 * itself (its journald driver), but all of its containers are one sender then, the engine's unit, and journald's limit
 * for that: an application that prints without end silences the others.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include "basic/log.h"
#include "basic/macro.h"
#include "basic/messages.h"
#include "basic/time-util.h"
#include "journal/line.h"
#include "journal/pieces.h"
#include "journal/shares.h"

#define DATAGRAM_MAX (64 * 1024)
#define BATCH        32
#define SOCKETS_MAX  4

/* So often it is told how many lines the socket had no room for. */
#define REPORT_USEC (10 * USEC_PER_SEC)

typedef struct Socket {
        uint32_t dropped, reported; /* datagrams, since the socket was made */
        uint64_t report_usec; /* when the next report is due */
} Socket;

static char buffers[BATCH][DATAGRAM_MAX + 1];
static Shares shares;
static Pieces pieces;
static Socket states[SOCKETS_MAX];

#define FIELD_MAX 256

static void write_line(const JournalLine *line)
{
        char priority[FIELD_MAX], instance[FIELD_MAX], name[FIELD_MAX], identifier[FIELD_MAX], id[FIELD_MAX];
        char full_id[FIELD_MAX];
        _cleanup_free_ char *message = malloc(strlen("MESSAGE=") + line->n_text);
        struct iovec fields[7];

        if (!message)
                return;
        (void) memcpy(message, "MESSAGE=", strlen("MESSAGE="));
        (void) memcpy(message + strlen("MESSAGE="), line->text, line->n_text);
        (void) snprintf(priority, sizeof priority, "PRIORITY=%d", line->priority);
        (void) snprintf(instance, sizeof instance, "ARK_INSTANCE=%s", line->instance);
        (void) snprintf(name, sizeof name, "CONTAINER_NAME=%s", line->container);
        (void) snprintf(identifier, sizeof identifier, "SYSLOG_IDENTIFIER=%s", line->container);
        (void) snprintf(id, sizeof id, "CONTAINER_ID=%.12s", line->id);
        (void) snprintf(full_id, sizeof full_id, "CONTAINER_ID_FULL=%s", line->id);
        fields[0] = (struct iovec){ message, strlen("MESSAGE=") + line->n_text };
        fields[1] = (struct iovec){ priority, strlen(priority) };
        fields[2] = (struct iovec){ instance, strlen(instance) };
        fields[3] = (struct iovec){ name, strlen(name) };
        fields[4] = (struct iovec){ identifier, strlen(identifier) };
        fields[5] = (struct iovec){ id, strlen(id) };
        fields[6] = (struct iovec){ full_id, strlen(full_id) };
        (void) sd_journal_sendv(fields, ELEMENTSOF(fields));
}

static void take_line(const JournalLine *line, uint64_t now_usec)
{
        if (shares_take(&shares, line->instance, line->n_text, now_usec))
                write_line(line);
}

static void take(char *datagram, size_t n, uint64_t now_usec)
{
        JournalLine piece, line;

        if (journal_line_parse(datagram, n, &piece) >= 0 && pieces_take(&pieces, &piece, now_usec, &line))
                take_line(&line, now_usec);
}

/* The kernel tells with each datagram how many it has had no room for. */
static void take_count(struct msghdr *header, Socket *state)
{
        for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
                        memcpy(&state->dropped, CMSG_DATA(c), sizeof state->dropped);
}

/* All that has come in: an engine does not wait for this. */
static int receive(int fd, Socket *state)
{
        struct mmsghdr messages[BATCH];
        struct iovec vectors[BATCH];
        union {
                char space[CMSG_SPACE(sizeof(uint32_t))];
                struct cmsghdr align;
        } controls[BATCH];
        uint64_t now_usec = now_monotonic();
        int n;

        for (size_t i = 0; i < BATCH; i++) {
                vectors[i] = (struct iovec){ buffers[i], DATAGRAM_MAX };
                messages[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = vectors + i,
                                                                .msg_iovlen = 1,
                                                                .msg_control = controls + i,
                                                                .msg_controllen = sizeof controls[i] } };
        }
        n = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        for (int i = 0; i < n; i++) {
                take(buffers[i], messages[i].msg_len, now_usec);
                take_count(&messages[i].msg_hdr, state);
        }
        return 0;
}

static void report_dropped(Socket *state, uint64_t now_usec)
{
        if (state->dropped == state->reported || now_usec < state->report_usec)
                return;
        log_warning("%" PRIu32
                    " lines of containers came faster than they could be taken, and are left out of "
                    "the journal. \"arkctl logs\" has the last of each instance",
                        state->dropped - state->reported);
        state->reported = state->dropped;
        state->report_usec = now_usec + REPORT_USEC;
}

static void report(size_t n_sockets)
{
        const uint64_t now_usec = now_monotonic();
        const char *instance;
        uint64_t left_out;
        JournalLine line;

        while (pieces_expire(&pieces, now_usec, &line))
                take_line(&line, now_usec);
        for (size_t i = 0; i < n_sockets; i++)
                report_dropped(states + i, now_usec);
        for (size_t at = 0; shares_report(&shares, &at, now_usec, &instance, &left_out);)
                log_full(LOG_WARNING, 0, LOG_ABOUT(.instance = instance, .message_id = MESSAGE_LOG_LEFT_OUT),
                                "%s prints more than its share of the journal, so %llu of its lines are "
                                "left "
                                "out here. The last ones are in \"arkctl logs %s\"",
                                instance, (unsigned long long) left_out, instance);
}

static int serve(struct pollfd *sockets, size_t n)
{
        for (;;) {
                if (poll(sockets, n, 1000) < 0 && errno != EINTR)
                        return -errno;
                for (size_t i = 0; i < n; i++) {
                        int r = sockets[i].revents ? receive(sockets[i].fd, states + i) : 0;

                        if (r < 0)
                                return r;
                }
                report(n);
        }
}

int main(void)
{
        struct pollfd sockets[SOCKETS_MAX];
        int n = sd_listen_fds(1);

        if (n <= 0 || n > SOCKETS_MAX) {
                log_error("No sockets were passed; start arkd-journal.socket");
                return EXIT_FAILURE;
        }
        for (int i = 0; i < n; i++) {
                sockets[i] = (struct pollfd){ .fd = SD_LISTEN_FDS_START + i, .events = POLLIN };
                (void) setsockopt(sockets[i].fd, SOL_SOCKET, SO_RXQ_OVFL, &(int){ 1 }, sizeof(int));
        }
        log_error_errno(serve(sockets, (size_t) n), "The sockets cannot be read: %m");
        return EXIT_FAILURE;
}
