/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * MESSAGE_ID= of the events that matter, for LogContext.message_id. "journalctl MESSAGE_ID=…" finds every line about
 * one; catalog/ explains each in every language and says what to do. An id is never given to another event.
 */

/* arkd itself. */
#define MESSAGE_DAEMON_STARTED     "40ca6fcf849b43ed9118358c365680e7"
#define MESSAGE_DAEMON_STOPPED     "5988201c9f76470da7a2c1e4d744f9de"
#define MESSAGE_CONFIG_REFUSED     "a382c34fa5c24eb29288a95a29e37b15"
#define MESSAGE_CONFIG_UNKNOWN_KEY "437d3df736c24320b3c79a9b2236029e"
#define MESSAGE_BEYOND_REACH       "bfe99b6cb58f4b62a857ed1b788cbeb4"

/* The web server. */
#define MESSAGE_PORT_TAKEN "8ec5ed6f0c954644918d49ed4053719b"

/* What became of a job on an instance. */
#define MESSAGE_INSTANCE_RUNNING   "3ff555a3faa04824a930d81112c4d7c8"
#define MESSAGE_INSTANCE_FAILED    "abf093b8d563426aa5424970c48dec8a"
#define MESSAGE_INSTANCE_DELETED   "5e1290bf888641559631c09f6077e71a"
#define MESSAGE_DELETE_FAILED      "c140ad960139435788bec6ba178fe8f3"
#define MESSAGE_INSTANCE_RESTARTED "01d1f1902c424f068afc1c9a60e44559"
#define MESSAGE_RESTART_FAILED     "810a39b60fc34e5bacb2896df80baf0e"

/* What happened to its containers of themselves. */
#define MESSAGE_INSTANCE_STOPPED   "46b08179b8c44144a60857a8502a9656"
#define MESSAGE_INSTANCE_UNWELL    "e4dff02dea894d92a578c971f0b53b4e"
#define MESSAGE_INSTANCE_SILENT    "9ce054b6c0df410fb51eba803f8cd7da"
#define MESSAGE_INSTANCE_RECOVERED "d72755f5eb1b45db9159662307f47fad"
#define MESSAGE_APP_STARTED_AGAIN  "e63c28d7e4274f45934a0982d7e0887f"

/* A volume of an instance is gone, with its data. */
#define MESSAGE_VOLUME_LOST "c82aaf81c22b48308b22495b405d8ff3"

/* What carries arkd's labels and belongs to no instance. */
#define MESSAGE_VOLUME_ORPHANED "896aa376d3654585b3da3677c1dcca4c"
#define MESSAGE_ORPHAN_REMOVED  "60528c05100148d6bc9c250b14140e28"
#define MESSAGE_ORPHAN_STUCK    "05dffe44b6914219af91a3f493373e09"

/* What the store has lost, and what this host has all the same. */
#define MESSAGE_STORE_BEHIND          "08930ef8c8624bc5ab59f508b1941ead"
#define MESSAGE_STORE_EMPTIED         "7e90a4cc19f9431c8627d730a7d32b55"
#define MESSAGE_INSTANCES_UNKNOWN     "a577747e60994de28444f3676011134b"
#define MESSAGE_INSTANCE_ADOPTED      "57d1c159336a4bf59653bff5e33fbd79"
#define MESSAGE_DELETED_STAYS_DELETED "991fd62efb0d4b2eb9e56914b0a47721"

/* What arkd stands on. */
#define MESSAGE_ENGINE_LOST        "1b498e100a92478bac2808da4373d472"
#define MESSAGE_ENGINE_BACK        "51cc619ac21f45eb9b824f56eb7c7007"
#define MESSAGE_STORE_LOST         "226eb0fdf22d4ec394013efda80e02a0"
#define MESSAGE_STORE_BACK         "dadf1ca2ac234edca21058a39150028e"
#define MESSAGE_STORE_UNREADABLE   "c49d6b9737674bdbb7a4193f4590465c"
#define MESSAGE_RECORD_DAMAGED     "75fcf09880984b2d838777465f98219a"
#define MESSAGE_DEPLOYMENT_CHANGED "2f14ab63e1a643c5a48fba6741ea5ce8"

/* What keeps instances apart. */
#define MESSAGE_ISOLATION_RESTORED     "fba9e698e7d54f21b56d17544a241379"
#define MESSAGE_ISOLATION_FAILED       "011355da9c744bcab985c4613e2dbe57"
#define MESSAGE_FIREWALL_RULES_REFUSED "3454420b007f415eb8c25d62c29cbfde"
#define MESSAGE_ENGINE_RULES_MISSING   "6263c816cfd64010966d9c10b14a63d9"

/* Who did what. */
#define MESSAGE_VERB_DONE      "c7aaf3710d784fb692ba66d10ac4d613"
#define MESSAGE_VERB_FAILED    "8b1638d34ce64786919b4596ef66c4eb"
#define MESSAGE_VERB_ABANDONED "cd6c7c09226b4a4ab43abf69c9015cca"
#define MESSAGE_ACCESS_DENIED  "97b6da0b869b4fd99d6924101e54d461"
#define MESSAGE_TOKEN_WRONG    "074ad81bd38d42dda220ec5d9f244da6"
#define MESSAGE_CLEANUP_DONE   "32c50a871e1e45c5855cc084af14c22e"
#define MESSAGE_CLOCK_SET      "c8fffa0b28b048ae987fca430e8038b2"
#define MESSAGE_LOG_LEVEL_SET  "3e4b2c78705a49b382bf17638feca7bb"
#define MESSAGE_LOG_LEFT_OUT   "b3d7a05e4c1f4e0f9d6a28f17c85e2a4"
