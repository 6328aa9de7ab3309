"""The names of all keys, how long each kind lives, and what bounds it.

Every key of a partition shares a hash tag, and every key of a number another, so each script stays
in one slot. `tests/store/test_lifetimes.py` holds the tables below against a server.

What is bounded by a number gives way, or is refused, beyond it. What waits, and what is
remembered of customers and events, is bounded by the memory: from 75 % of it nothing new is kept.

| key | holds | lives |
|---|---|---|
| {p}inbox | deliveries as kept | waiting and aside: for ever; then GATEWAY_RETENTION |
| {p}cursor, {p}swept, {p}count | how far it is done and by whom, last swept, counters | for ever |
| {p}aside, {p}aside:tries, {p}aside:why, {p}aside:oldest | set aside, and why | while it waits |
| {p}given_up | deliveries that a person let go | 30 days after the last |
| {p}suspects | how many workers died over what they had in hand | a day after the last |
| {p}missing | at most 16 holders whose lease ran out | until heard of, or a minute |
| {n}known:<generation>/<bucket> | digests of committed events | 8 to 12 days from the commit |
| {n}known:<generation> | `size` in buckets, how many `ids` | 4 days longer |
| {n}contact:<name> | the customer's state, or `alias`: the name under which it is | for ever |
| {n}send:<id> | one send and its attempts | until it is compacted (repeatable: 1 day) |
| {n}finished | sends that are over, and when each is compacted | until it is |
| {n}members:<id> | of a send to a group, how far each participant got | until then, or 30 days |
| {n}wamid:<wamid> | the send that became this message | until then, or 30 days |
| {n}done:<rank> | what is left of compacted sends | 30 days (bulk: 8), or less |
| {n}texts | what those sends said, and all else of their rows | GATEWAY_RETENTION, or less |
| {n}index:<generation>:<bucket> | where they stand, by send and by wamid | 36 days, or less |
| {n}index, {n}index:count | the generations of the index, how many sends each has | for ever |
| {n}late_failures | failures told of sends that were compacted | until a tick can hear them |
| {n}lane:…, {n}ready:…, {n}due, {n}unconfirmed | what waits to be sent | while it waits |
| {n}pair:<contact> | when all that was sent to a customer is earned again | 276 seconds at most |
| {n}stops | why a machine paused the number, and what a person holds | while it stands |
| {n}holding, {n}held:<rule> | sends of rules that are held | while they are |
| {n}parked, {n}parked:<contact> | sends that wait until their customer writes | while they wait |
| {n}take:<call> | what one call of a pump took | 30 seconds |
| {n}tokens, {n}places, {n}count | tokens, the last place given, counters | for ever |
| {n}record:<id>, {n}records:<contact> | what was planned, and why | GATEWAY_RETENTION |
| {n}recorded | which records there are, oldest first | GATEWAY_RETENTION after the last |
| {n}doubts:<rank>:<contact> | sends of a lane that are unconfirmed | 2 days |
| {n}evidence, gw:stream | which statuses came; since when nothing kept them away | for ever |
| {n}dead, {n}dead:<id>, {n}deaths:<id> | what a person has to look at, its deaths | 30 days |
| {n}unreadable, {n}unreadable:<id> | those that could not be read, their bytes | 30 days |
| {n}timer, {n}timers | what comes back through the inbox | until it fired |
| {n}bell:<rank>, gw:{inbox}bell, gw:ticked | a bell is on its way, a tick was made | a minute |
| gw:stopped | the release that must not plan | 5 minutes |
| gw:bell:<task> | a bell of beat's is on its way | a minute |
| …bell:found | how often the sweep found something waiting since anybody heard | an hour |
| gw:ran:<what> | that a tick, sweep or watch ran, by which release, that web wrote | a day |
| gw:ran:cleanup | that a cleanup ran | 25 hours |
| gw:net | which main process of all workers looks every 100 ms | 2 seconds |
| gw:watched | that somebody has just looked | 2 seconds |
| gw:room | how much memory was used, hour by hour | two days, while somebody looks |
| gw:canary | when a canary arrived, and since when one is missing | for ever |
| gw:{alerts}noted, gw:{alerts}told | causes, and what was told of them | until they are over |
| gw:{alerts}seen | counters as the last look saw them | for ever |
| gw:{rules}in_force | which rulebook each worker process has in force | while they say so |
| gw:{rules}kept | the files of the last rulebook that was right | for ever |
| gw:numbers, gw:layout, gw:count | our numbers, the layout, counters | for ever |
| {p}lease, {n}pace | after a migration: keep processes of layout 1 out | for ever |
| gw:migrated, gw:migration | a migration is under way, and who does it | until it is done |

| key | bounded by |
|---|---|
| {p}inbox | 75 % of the memory; then 503 |
| {p}cursor, {p}swept, {p}count | a few values each |
| {p}aside, {p}aside:tries, {p}aside:why, {p}aside:oldest | what is in the inbox |
| {p}given_up | 10,000 |
| {p}suspects | one for each death within a day |
| {p}missing | 16 |
| {n}known:<generation>/<bucket> | events of 12 days, 45 bytes each; a bucket some 200 |
| {n}known:<generation> | two values, of 4 generations |
| {n}contact:<name> | customers and their names; 8 KB of notes, 200 moments |
| {n}send:<id> | sends of a day, and dead letters; 24 attempts, 50 redrives |
| {n}finished | one for each of these rows |
| {n}members:<id> | 1,024 participants |
| {n}wamid:<wamid> | attempts that Meta took of these |
| {n}done:<rank> | sends of 30 days (bulk: 8); yields from 60 % of the memory |
| {n}texts | sends of GATEWAY_RETENTION; yields from 60 % of the memory |
| {n}index:<generation>:<bucket> | two for each record; goes with the records |
| {n}index, {n}index:count | generations of 36 days, each four times as large |
| {n}late_failures | one for each record; 100 are heard in a tick |
| {n}lane:…, {n}ready:…, {n}due, {n}unconfirmed | sends that are not over |
| {n}pair:<contact> | customers written to within 276 seconds |
| {n}stops | 100 rules, and 9 values |
| {n}holding, {n}held:<rule> | rules held, sends that are not over |
| {n}parked, {n}parked:<contact> | 100 of a customer |
| {n}take:<call> | a tenth of a second's messages |
| {n}tokens, {n}places, {n}count | a few values; counters with names of ours |
| {n}record:<id>, {n}records:<contact> | one for an event; 100 of a customer |
| {n}recorded | records of GATEWAY_RETENTION |
| {n}doubts:<rank>:<contact> | 100 of a lane |
| {n}evidence, gw:stream | a few values |
| {n}dead, {n}dead:<id>, {n}deaths:<id> | 100,000 of a number |
| {n}unreadable, {n}unreadable:<id> | 10,000 of a number, 200 of them whole |
| {n}timer, {n}timers | what was planned to come back |
| {n}bell:<rank>, gw:{inbox}bell, gw:ticked | one of each |
| gw:stopped | one |
| gw:bell:<task> | one for each entry of the schedule |
| …bell:found | one for each bell |
| gw:ran:<what> | one for each of four |
| gw:ran:cleanup | one |
| gw:net | one |
| gw:watched | one |
| gw:room | 48 hours |
| gw:canary | three values |
| gw:{alerts}noted, gw:{alerts}told | 100 noted; one for each cause and number told |
| gw:{alerts}seen | one for each counter that is watched |
| gw:{rules}in_force | 1,000 processes |
| gw:{rules}kept | one rulebook |
| gw:numbers, gw:layout, gw:count | 10,000 numbers; counters with names of ours |
| {p}lease, {n}pace | a word each |
| gw:migrated, gw:migration | one of each |
"""

import hashlib
import re

LAYOUT = "2"
# What holds messages, or anything else that Meta tells, and what holds nothing but statuses.
MESSAGE_PARTITIONS, STATUS_PARTITIONS = 8, 4
PARTITIONS = MESSAGE_PARTITIONS + STATUS_PARTITIONS
SPACE = "gw:"

NUMBERS = f"{SPACE}numbers"
LAYOUT_KEY = f"{SPACE}layout"
STOPPED_RELEASE = f"{SPACE}stopped"
STATUS_STREAM = f"{SPACE}stream"
INBOX_BELL = f"{SPACE}{{inbox}}bell"
TICK_GUARD = f"{SPACE}ticked"
LAST_RUN = f"{SPACE}ran:"
WATCH_GUARD = f"{SPACE}watched"
CANARY = f"{SPACE}canary"
SAFETY_NET = f"{SPACE}net"
MEMORY_HISTORY = f"{SPACE}room"
MIGRATED, MIGRATION = f"{SPACE}migrated", f"{SPACE}migration"
NOTED, TOLD, SEEN = (f"{SPACE}{{alerts}}{what}" for what in ("noted", "told", "seen"))
RULEBOOKS, RULES_KEPT = (f"{SPACE}{{rules}}{what}" for what in ("in_force", "kept"))
WEB_COUNT = f"{SPACE}count"
# RedBeat writes an entry and its place in the schedule in one transaction.
BEAT_PREFIX = f"{SPACE}{{beat}}:"
BEAT_LOCK = f"{BEAT_PREFIX}:lock"  # as RedBeat names its lock

DAY_MS = 86_400_000
MONTH_MS = 30 * DAY_MS  # so long is kept what tells of what is over
# A bell that nobody hears: the sweep rings past it, so this only bounds what piles up meanwhile.
BELL_MS = 60_000


def partition(index: int) -> str:
    """Return the prefix of all keys of one inbox partition."""
    return f"{SPACE}{{p{index}}}:"


def number(phone_number_id: str) -> str:
    """Return the prefix of all keys of one of our numbers, or of events that belong to none."""
    name = phone_number_id
    if not re.fullmatch(r"[\w.-]{0,64}", name, re.ASCII):
        # A stranger's braces would move the hash tag, so odd names are only ever hashed.
        name = "x" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{SPACE}{{n{name}}}:"


def number_bell(phone_number_id: str, priority: str) -> str:
    """Return the key that is set while a bell for the number's sends is on its way."""
    return f"{number(phone_number_id)}bell:{priority}"


def task_bell(task: str) -> str:
    """Return the key that is set while a bell for a task that runs by the clock is on its way."""
    return f"{SPACE}bell:{task}"
