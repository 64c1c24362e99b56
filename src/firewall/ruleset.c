/* SPDX-License-Identifier: MIT */
#include "firewall/ruleset.h"

#include <errno.h>
#include <nftables/libnftables.h>

#include "basic/string-util.h"

DEFINE_CLEANUP_FUNC(struct nft_ctx, nft_ctx_free);

/* A context for each call: one that is kept would go on with what it knew of the kernel's rules. */
static int context_new(struct nft_ctx **ret)
{
        _cleanup_(nft_ctx_freep) struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);

        if (!nft || nft_ctx_buffer_output(nft) != 0 || nft_ctx_buffer_error(nft) != 0)
                return -ENOMEM;
        nft_ctx_output_set_flags(
                        nft, NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_TERSE | NFT_CTX_OUTPUT_NUMERIC_ALL);
        *ret = TAKE_PTR(nft);
        return 0;
}

/* The line that says what is wrong; the first one may only say which file includes which. */
static char *error_line(const char *errors)
{
        const char *begin = strstr(errors, "Error: ");

        while (begin && begin > errors && begin[-1] != '\n')
                begin--;
        begin = begin ? begin : errors;
        return strndup(begin, strcspn(begin, "\n"));
}

static int run(const char *text, bool dry, char **ret_reason)
{
        _cleanup_(nft_ctx_freep) struct nft_ctx *nft = NULL;
        int r;

        r = context_new(&nft);
        if (r < 0)
                return r;
        nft_ctx_set_dry_run(nft, dry);
        if (nft_run_cmd_from_buffer(nft, text) == 0)
                return 0;
        if (ret_reason)
                *ret_reason = error_line(strempty(nft_ctx_get_error_buffer(nft)));
        return -EIO;
}

int ruleset_load(const char *text, char **ret_reason)
{
        return run(text, false, ret_reason);
}

int ruleset_check(const char *text, char **ret_reason)
{
        return run(text, true, ret_reason);
}

int ruleset_list_table(const char *table, char **ret_text)
{
        _cleanup_(nft_ctx_freep) struct nft_ctx *nft = NULL;
        _cleanup_free_ char *command = str_printf("list table %s", table), *text = NULL;
        int r;

        if (!command)
                return -ENOMEM;
        r = context_new(&nft);
        if (r < 0)
                return r;
        if (nft_run_cmd_from_buffer(nft, command) != 0)
                return -ENOENT;
        text = strdup(strempty(nft_ctx_get_output_buffer(nft)));
        if (!text)
                return -ENOMEM;
        *ret_text = TAKE_PTR(text);
        return 0;
}
