/* SPDX-License-Identifier: MIT */

/* The engine's streams, in pieces as the network may deliver them: what comes of them depends on no boundary. */

#include "basic/json-util.h"
#include "basic/utf8.h"
#include "engine/log-stream.h"
#include "engine/reference.h"
#include "engine/stream.h"
#include "fuzz.h"

static int count(struct json_object *document, void *userdata)
{
        unsigned *n = userdata;

        assert(document);
        (*n)++;
        return 0;
}

static int feed_json(const char *data, size_t size, size_t piece, unsigned *n)
{
        EngineJsonStream stream = {};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < size; i += piece)
                r = engine_json_stream_feed(
                                &stream, data + i, size - i < piece ? size - i : piece, count, n);
        engine_json_stream_done(&stream);
        return r;
}

static char *feed_log(const char *data, size_t size, size_t piece)
{
        EngineLogStream stream = {};
        char *text = NULL;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < size; i += piece)
                r = engine_log_stream_feed(&stream, data + i, size - i < piece ? size - i : piece);
        if (r >= 0)
                text = engine_log_stream_text(&stream);
        engine_log_stream_done(&stream);
        return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
        _cleanup_free_ char *whole = NULL, *pieces = NULL;
        const char *data = (const char *) input;
        unsigned n_whole = 0, n_pieces = 0;
        size_t piece;

        fuzz_quiet();
        if (size == 0)
                return 0;
        piece = input[0] % 16u + 1;
        data++;
        size--;
        if (feed_json(data, size, size + 1, &n_whole) >= 0)
                assert(feed_json(data, size, piece, &n_pieces) >= 0 && n_whole == n_pieces);
        whole = feed_log(data, size, size + 1);
        pieces = feed_log(data, size, piece);
        assert(!whole == !pieces && (!whole || strcmp(whole, pieces) == 0));
        return 0;
}
