/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "basic/macro.h"

/* Each parses the whole string, or fails: -EINVAL malformed, -ERANGE out of range. */

int parse_unsigned(const char *s, unsigned *ret);
int parse_u64(const char *s, uint64_t *ret);
/* What parse_size() takes, for who is told that something else is not a size. */
#define SIZE_FORMS                                                                                          \
        "bytes, or a number with K, M, G or T such as 512M or 1.5G (Ki, KB and KiB are the same; all "      \
        "count by 1024)"
/* Bytes, B after them or not; or a number, fraction or not, with K, M, G or T (powers of 1024), itself optionally followed
 * by i, B or iB. Letters of either case; blanks before them are allowed. */
int parse_size(const char *s, uint64_t *ret_bytes);
/* Processors, such as "2" or "0.5", in units of 10^-9; "0" is none, at least 0.01 and at most 1024 otherwise. */
int parse_cpu_count(const char *s, uint64_t *ret_nano);
/* A time span in microseconds: numbers with us, ms, s, min, h, d or w, added up ("1h 30min"); a bare number is
 * seconds. "infinity" is UINT64_MAX. */
int parse_duration(const char *s, uint64_t *ret_usec);
/* "10.231.16.0/28": its first address in host byte order, and how many bits it is of, 1 to 32; -EINVAL too where the
 * address has bits beyond them. */
int parse_ipv4_network(const char *s, uint32_t *ret_base, unsigned *ret_bits);
