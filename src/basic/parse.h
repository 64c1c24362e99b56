/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "basic/macro.h"

/* Each parses the whole string, or fails: -EINVAL malformed, -ERANGE out of range. */

int parse_unsigned(const char *s, unsigned *ret);
int parse_u64(const char *s, uint64_t *ret);
/* Bytes, with an optional suffix K, M, G or T (powers of 1024), itself optionally followed by B or iB. */
int parse_size(const char *s, uint64_t *ret_bytes);
/* A time span in microseconds: numbers with us, ms, s, min, h, d or w, added up ("1h 30min"); a bare number is
 * seconds. "infinity" is UINT64_MAX. */
int parse_duration(const char *s, uint64_t *ret_usec);
/* "10.231.16.0/28": its first address in host byte order, and how many bits it is of, 1 to 32; -EINVAL too where the
 * address has bits beyond them. */
int parse_ipv4_network(const char *s, uint32_t *ret_base, unsigned *ret_bits);
