/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "arkd/arkd-config.h"
#include "nginx/port.h"

#define SITE_PORTS_MAX 8

/* What the generated pieces of nginx's configuration are made from. */
typedef struct Site {
        const Config *config;
        const char *key; /* by which arkd knows this nginx; NULL: as it was */
        Port ports[SITE_PORTS_MAX];
        size_t n_ports;
        const int *handed; /* listening sockets from arkd-nginx-bind */
        size_t n_handed;
} Site;

/* A file in the output directory that nginx.conf or one of its includes reads. */
typedef struct Piece {
        const char *name;
        mode_t mode;
        bool of_ports; /* made from the ports alone */
        int (*write)(FILE *file, const Site *site); /* answers 0, or -ENODATA to leave the file as it is */
} Piece;

/* pieces.c: the table of them. */
extern const Piece site_pieces[];
extern const size_t n_site_pieces;

/* callers.c: who may use the site, and by what names. */
int write_callers(FILE *file, const Site *site);
int write_open(FILE *file, const Site *site);

/* A file that tells which ports are served, for arkctl and for the next reload. */
#define SITE_PORTS_FILE "ports"

/* Adds what the configuration asks for; says nothing of its state. */
void site_add_ports(Site *site);
/*
 * Opens the ports below 1024, less those of which others have one family of addresses, or had: earlier is what was left to others before, or NULL.
 * ret_fds has room for SITE_PORTS_MAX, ret_left is such a text again. Logs what is odd. 0 or -ENOMEM.
 */
int site_open_privileged(
                const Site *site, const char *earlier, int *ret_fds, size_t *ret_n, char **ret_left);
/*
 * Finds out which ports are free. directory: where earlier pieces are; with reload, nginx runs, and what it listens
 * on according to them is its own. Logs what is taken.
 */
int site_find_ports(Site *site, const char *directory, bool reload);
/*
 * For a configuration that is not in order: the ports of the pieces that are in the directory, less those below 1024
 * that nginx is not handed this time. Writes what names ports anew. Logs what fails.
 */
int site_keep(Site *site, const char *directory);
/* Writes all pieces into the directory. Logs what fails. */
int site_write(const Site *site, const char *directory);
