/* SPDX-License-Identifier: MIT */

/* Reads a compose file back, as JSON. */

#include "core/spec/compose-read.h"

#include <errno.h>
#include <yaml.h>

#include "basic/file-util.h"
#include "basic/json-util.h"
#include "core/spec/compose-file.h"

#define FILE_MAX  (UINT64_C(1) << 20)
#define DEPTH_MAX 32
/* A file that names one thing many times over must not become a large document. */
#define NODES_MAX 20000

typedef struct Reader {
        yaml_document_t document;
        unsigned n_nodes;
} Reader;

static int convert(Reader *reader, int index, unsigned depth, struct json_object **ret);

static const char *text_of(const yaml_node_t *node)
{
        return (const char *) node->data.scalar.value;
}

/* What is not quoted may be a number or the like; json-c knows those by the same words. */
static struct json_object *convert_plain(const char *text)
{
        struct json_object *json = NULL;

        if (json_parse(text, strlen(text), &json, NULL) >= 0)
                return json;
        return json_object_new_string(text);
}

static int convert_scalar(const yaml_node_t *node, struct json_object **ret)
{
        _cleanup_(str_erase_freep) char *text = NULL;

        if (strlen(text_of(node)) != node->data.scalar.length)
                return -EBADMSG;
        if (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && streq(text_of(node), "null")) {
                *ret = NULL;
                return 0;
        }
        text = str_replace(text_of(node), "$$", "$");
        if (!text)
                return -ENOMEM;
        *ret = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? convert_plain(text)
                                                                  : json_object_new_string(text);
        return *ret ? 0 : -ENOMEM;
}

static int convert_sequence(
                Reader *reader, const yaml_node_t *node, unsigned depth, struct json_object **ret)
{
        _cleanup_json_ struct json_object *array = json_object_new_array();

        if (!array)
                return -ENOMEM;
        for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top;
                        item++) {
                struct json_object *value = NULL;
                int r = convert(reader, *item, depth, &value);

                if (r < 0)
                        return r;
                if (json_object_array_add(array, value) < 0) {
                        json_object_put(value);
                        return -ENOMEM;
                }
        }
        *ret = TAKE_PTR(array);
        return 0;
}

static int convert_pair(
                Reader *reader, const yaml_node_pair_t *pair, unsigned depth, struct json_object *object)
{
        const yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
        struct json_object *value = NULL;
        int r;

        if (!key || key->type != YAML_SCALAR_NODE)
                return -EBADMSG;
        r = convert(reader, pair->value, depth, &value);
        if (r < 0)
                return r;
        if (json_object_object_add(object, text_of(key), value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

static int convert_mapping(Reader *reader, const yaml_node_t *node, unsigned depth, struct json_object **ret)
{
        _cleanup_json_ struct json_object *object = json_object_new_object();
        int r = object ? 0 : -ENOMEM;

        for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
                        r >= 0 && pair < node->data.mapping.pairs.top; pair++)
                r = convert_pair(reader, pair, depth, object);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 0;
}

static int convert(Reader *reader, int index, unsigned depth, struct json_object **ret)
{
        const yaml_node_t *node = yaml_document_get_node(&reader->document, index);

        if (!node || depth >= DEPTH_MAX || ++reader->n_nodes > NODES_MAX)
                return -EBADMSG;
        switch (node->type) {
        case YAML_SCALAR_NODE:
                return convert_scalar(node, ret);
        case YAML_SEQUENCE_NODE:
                return convert_sequence(reader, node, depth + 1, ret);
        case YAML_MAPPING_NODE:
                return convert_mapping(reader, node, depth + 1, ret);
        default:
                return -EBADMSG;
        }
}

static int parse(const char *text, size_t size, struct json_object **ret)
{
        _cleanup_json_ struct json_object *json = NULL;
        Reader reader = { 0 };
        yaml_parser_t parser;
        int r;

        if (!yaml_parser_initialize(&parser))
                return -ENOMEM;
        yaml_parser_set_input_string(&parser, (const unsigned char *) text, size);
        if (yaml_parser_load(&parser, &reader.document)) {
                r = convert(&reader, 1, 0, &json);
                yaml_document_delete(&reader.document);
        } else
                r = parser.error == YAML_MEMORY_ERROR ? -ENOMEM : -EBADMSG;
        yaml_parser_delete(&parser);
        if (r >= 0 && !json_object_is_type(json, json_type_object))
                r = -EBADMSG;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(json);
        return 0;
}

int compose_read(const char *compose_dir, const char *instance_id, struct json_object **ret)
{
        _cleanup_free_ char *path = compose_path(compose_dir, instance_id);
        _cleanup_(str_erase_freep) char *text = NULL;
        size_t size = 0;
        int r;

        r = path ? read_file(path, FILE_MAX, &text, &size) : -ENOMEM;
        return r < 0 ? r : parse(text, size, ret);
}
