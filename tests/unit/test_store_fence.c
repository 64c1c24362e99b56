/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/ports.h"
#include "store-fixture.h"

#define LINKS_MAX 8

/*
 * What a network does between store and Redis: a link's bytes can be held back, and arrive after the store has given
 * the link up. Redis does not hear that it has before they are let go.
 */
typedef struct Link {
        int store, redis; /* -1 once gone */
        sd_event_source *from_store, *from_redis;
        bool holding;
        const char **answer; /* the network's */
        char held[4096];
        size_t n_held;
} Link;

typedef struct Network {
        sd_event *event;
        int listener;
        sd_event_source *accepting;
        Link links[LINKS_MAX];
        size_t n_links;
        bool holding; /* those that are made from now on */
        const char *answer; /* to what the store asks next, in the place of Redis */
        char address[sizeof peer_folder + 16];
} Network;

static void make_address(const char *path, struct sockaddr_un *ret)
{
        *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
        (void) snprintf(ret->sun_path, sizeof ret->sun_path, "%s", path);
}

static void close_store_side(Link *link)
{
        link->from_store = sd_event_source_disable_unref(link->from_store);
        if (link->store >= 0)
                assert_int_equal(close(link->store), 0);
        link->store = -1;
}

static int on_store_bytes(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Link *link = userdata;
        char bytes[4096];
        ssize_t n = read(fd, bytes, sizeof bytes);

        if (n <= 0)
                close_store_side(link);
        else if (*link->answer) {
                assert_true(write(link->store, *link->answer, strlen(*link->answer)) > 0);
                *link->answer = NULL;
        } else if (link->holding) {
                assert_true(link->n_held + (size_t) n <= sizeof link->held);
                memcpy(link->held + link->n_held, bytes, (size_t) n);
                link->n_held += (size_t) n;
        } else
                assert_int_equal(write(link->redis, bytes, (size_t) n), n);
        return 0;
}

static int on_redis_bytes(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Link *link = userdata;
        char bytes[4096];
        ssize_t n = read(fd, bytes, sizeof bytes);

        if (n <= 0) {
                link->from_redis = sd_event_source_disable_unref(link->from_redis);
                close_store_side(link);
        } else if (link->store >= 0)
                assert_int_equal(write(link->store, bytes, (size_t) n), n);
        return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Network *network = userdata;
        Link *link = network->links + network->n_links++;
        struct sockaddr_un redis;

        assert_true(network->n_links <= LINKS_MAX);
        make_address(peer_socket, &redis);
        link->holding = network->holding;
        link->answer = &network->answer;
        link->store = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        link->redis = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(link->store >= 0 && link->redis >= 0);
        assert_int_equal(connect(link->redis, (struct sockaddr *) &redis, sizeof redis), 0);
        assert_true(sd_event_add_io(network->event, &link->from_store, link->store, EPOLLIN, on_store_bytes,
                                    link) >= 0);
        assert_true(sd_event_add_io(network->event, &link->from_redis, link->redis, EPOLLIN, on_redis_bytes,
                                    link) >= 0);
        return 0;
}

/* Delivers what was held back, then the end; returns when Redis has dealt with it. */
static void let_arrive(Link *link)
{
        char bytes[4096];

        link->from_redis = sd_event_source_disable_unref(link->from_redis);
        (void) send(link->redis, link->held, link->n_held, MSG_NOSIGNAL); /* it may be closed already */
        (void) shutdown(link->redis, SHUT_WR);
        while (read(link->redis, bytes, sizeof bytes) > 0)
                ;
}

static void network_open(Network *network, sd_event *event)
{
        struct sockaddr_un address;

        *network = (Network){ .event = event };
        (void) snprintf(network->address, sizeof network->address, "%s/network", peer_folder);
        (void) unlink(network->address);
        make_address(network->address, &address);
        network->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(network->listener, (struct sockaddr *) &address, sizeof address), 0);
        assert_int_equal(listen(network->listener, LINKS_MAX), 0);
        assert_true(sd_event_add_io(event, &network->accepting, network->listener, EPOLLIN, on_connection,
                                    network) >= 0);
}

static void network_close(Network *network)
{
        for (size_t i = 0; i < network->n_links; i++) {
                close_store_side(network->links + i);
                (void) sd_event_source_disable_unref(network->links[i].from_redis);
                assert_int_equal(close(network->links[i].redis), 0);
        }
        (void) sd_event_source_disable_unref(network->accepting);
        assert_int_equal(close(network->listener), 0);
}

static void open_store_at(Fixture *f, const char *address, const char *deployment)
{
        sd_event *event = f->event;

        *f = (Fixture){ .event = event };
        assert_int_equal(store_new(event, address, deployment, &f->store), 0);
        f->port = store_port(f->store);
        f->port->vtable->watch(f->port, on_connected, NULL, f);
}

static void begin(Fixture *f, Network *network)
{
        assert_string_equal(peer_ask("FLUSHALL"), "OK");
        *f = (Fixture){ 0 };
        assert_true(sd_event_new(&f->event) >= 0);
        network_open(network, f->event);
        open_store_at(f, network->address, "unit-test");
        RUN_UNTIL(f->event, f->n_up == 1);
}

static void end(Fixture *f, Network *network)
{
        network_close(network);
        close_store(f);
}

static const StoreWrite older = { .kind = STORE_SECRET, .id = "s", .text = "older" };
static const StoreWrite newer = { .kind = STORE_SECRET, .id = "s", .text = "newer" };

/* Starts a write of which nothing arrives yet. */
static void start_held_back(Fixture *f, Link *link)
{
        link->holding = true;
        (void) start(f, &older, 1);
        RUN_UNTIL(f->event, memmem(link->held, link->n_held, "EXEC", 4));
}

static void test_late_write_of_a_lost_connection(void **state)
{
        Network network;
        Fixture f;

        begin(&f, &network);
        start_held_back(&f, network.links);
        close_store_side(network.links);
        RUN_UNTIL(f.event, f.n_up == 2);
        assert_int_equal(f.n_lost, 1);
        assert_int_equal(commit(&f, &newer, 1), 0);
        let_arrive(network.links);
        assert_string_equal(peer_ask("GET secret:s"), "newer");
        end(&f, &network);
}

static void test_late_write_of_a_process_before(void **state)
{
        Network network;
        Fixture f;

        begin(&f, &network);
        start_held_back(&f, network.links);
        f.store = store_free(f.store);
        RUN_UNTIL(f.event, network.links[0].store < 0);
        open_store_at(&f, network.address, "unit-test");
        RUN_UNTIL(f.event, f.n_up == 1);
        assert_int_equal(commit(&f, &newer, 1), 0);
        let_arrive(network.links);
        assert_string_equal(peer_ask("GET secret:s"), "newer");
        end(&f, &network);
}

/* A connection whose fence has not been answered has sent nothing that could come late. */
static void test_nothing_before_the_fence(void **state)
{
        static const char words[] = "*2\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n";
        Network network;
        Fixture f;

        begin(&f, &network);
        network.holding = true;
        close_store_side(network.links);
        RUN_UNTIL(f.event, network.n_links == 2 && network.links[1].n_held >= strlen(words));
        for (unsigned i = 0; i < 3; i++)
                (void) sd_event_run(f.event, 20 * USEC_PER_MSEC);
        assert_int_equal(network.links[1].n_held, strlen(words));
        assert_memory_equal(network.links[1].held, words, strlen(words));
        assert_int_equal(f.n_up, 1);
        network.holding = false;
        close_store_side(network.links + 1);
        RUN_UNTIL(f.event, f.n_up == 2);
        end(&f, &network);
}

static bool is_alive(redisContext *c)
{
        redisReply *reply = redisCommand(c, "PING");

        if (reply)
                freeReplyObject(reply);
        return reply != NULL;
}

/* Only what bears this deployment's name is ended. */
static void test_others_are_left_alone(void **state)
{
        redisContext *named = peer_connect(), *nameless = peer_connect();
        Fixture f, other = { 0 };
        Network network;

        freeReplyObject(redisCommand(named, "CLIENT SETNAME arkd"));
        begin(&f, &network);
        other.event = f.event;
        open_store_at(&other, peer_socket, "unit-test-2");
        RUN_UNTIL(f.event, other.n_up == 1);
        close_store_side(network.links);
        RUN_UNTIL(f.event, f.n_up == 2);
        assert_int_equal(commit(&other, &newer, 1), 0);
        assert_int_equal(commit(&f, &newer, 1), 0);
        assert_int_equal(other.n_down, 0);
        assert_int_equal(f.n_down, 1);
        assert_true(is_alive(named));
        assert_true(is_alive(nameless));
        redisFree(named);
        redisFree(nameless);
        other.store = store_free(other.store);
        end(&f, &network);
}

/* A Redis whose user may not do it is used without. */
static void test_not_allowed(void **state)
{
        Network network;
        Fixture f;

        assert_string_equal(peer_ask("ACL SETUSER default -client"), "OK");
        begin(&f, &network);
        close_store_side(network.links);
        RUN_UNTIL(f.event, f.n_up == 2);
        assert_int_equal(commit(&f, &newer, 1), 0);
        assert_string_equal(peer_ask("ACL SETUSER default +@all"), "OK");
        end(&f, &network);
}

/* Another error is no word about permissions: it is asked again, on another connection. */
static void test_not_ready(void **state)
{
        Network network;
        Fixture f;

        begin(&f, &network);
        network.answer = "-ERR max number of clients reached\r\n";
        close_store_side(network.links);
        RUN_UNTIL(f.event, f.n_up == 2);
        assert_int_equal(network.n_links, 3);
        assert_int_equal(commit(&f, &newer, 1), 0);
        end(&f, &network);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_late_write_of_a_lost_connection),
                cmocka_unit_test(test_late_write_of_a_process_before),
                cmocka_unit_test(test_nothing_before_the_fence),
                cmocka_unit_test(test_others_are_left_alone),
                cmocka_unit_test(test_not_allowed),
                cmocka_unit_test(test_not_ready),
        };
        int r = peer_prepare();

        if (r != 0)
                return r;
        peer_start();
        r = cmocka_run_group_tests(tests, NULL, NULL);
        peer_finish();
        return r;
}
