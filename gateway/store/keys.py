"""Key names: how long each kind of key lives, and what bounds it.

Every key of a partition shares a hash tag, every key of a number another, and every key of an
account's templates a third, so each script stays in one slot. `tests/store/test_lifetimes.py` holds
the tables below against a server.

A kind that is bounded by a number drops its oldest beyond it, or refuses more. What waits, and what
is remembered of customers and events, is bounded by memory: from 75 % of it nothing new is stored.

| key | holds | lives |
|---|---|---|
| {p}inbox | deliveries as stored | waiting and deferred: forever; then GATEWAY_RETENTION |
| {p}cursor, {p}swept, {p}count | how far it is done and by whom, last swept, counters | forever |
| {p}aside, {p}aside:tries, {p}aside:why, {p}aside:oldest | deferred, and why | while it waits |
| {p}given_up | deliveries that an operator gave up | 30 days after the last |
| {p}redacted:<entry> | what an erased customer's delivery has of others | GATEWAY_RETENTION |
| {p}suspects | how many workers died over what they had in hand | a day after the last |
| {p}missing | at most 16 holders whose lease ran out | until they report, or a minute |
| {n}known:<generation>/<bucket> | digests of committed events | 8 to 12 days from the commit |
| {n}known:<generation> | `size` in buckets, how many `ids` | 4 days longer |
| {n}contact:<name> | the customer's state, or `alias`: the name under which it is | forever |
| {n}opted_out | digests of erased customers who want no marketing | forever |
| {n}handed_over | contacts that a person answers, and until when | until the last of them ends |
| {n}send:<id> | one send and its attempts | until it is compacted (repeatable: 1 day) |
| {n}finished | sends that are over, and when each is compacted | until it is |
| {n}members:<id> | of a send to a group, how far each participant got | until then, or 30 days |
| {n}wamid:<wamid> | the send that became this message | until then, or 30 days |
| {n}done:<rank> | what is left of compacted sends | 30 days (bulk: 8), or less |
| {n}texts | the texts of those sends, and all else of their rows | GATEWAY_RETENTION, or less |
| {n}index:<generation>:<bucket> | places of records, by send and by wamid | 36 days, or less |
| {n}index, {n}index:count | the generations of the index, how many sends each has | forever |
| {n}listed | which sends there are, in the order of their planning | 30 days, or less |
| {n}terms:<generation>:<bucket> | places in it by contact and reference | 36 days, or less |
| {n}terms, {n}terms:count | the generations of these, how many places each has | forever |
| {n}late_failures | failures of compacted sends that Meta reported | until a tick applies them |
| {n}lane:…, {n}ready:…, {n}due, {n}unconfirmed | sends that wait | while they wait |
| {n}pair:<contact> | when all messages sent to a customer are earned again | 276 seconds at most |
| {n}stops | why the number is paused, and what an operator holds | while it lasts |
| {n}holding, {n}held:<rule> | sends of rules that are held | while they are |
| {n}parked, {n}parked:<contact> | sends that wait until their customer writes | while they wait |
| {n}templates, {n}template:<template> | sends that wait for a template | while they wait |
| {n}take:<call> | the sends that one call of a pump took | 30 seconds |
| {n}tokens, {n}places, {n}count | tokens, the last place given, counters | forever |
| {n}reached:<hour> | whom messages reached outside their window, as a count | 26 hours |
| {n}reach, {n}reach:asked | Meta's messaging limit; that Meta was asked | a day; 10 minutes |
| {n}unreachable, {n}unreachable:<k> | to whom Meta could not deliver, and when | 30 days |
| {n}flagged, {n}flag_news | when Meta flagged the quality last, and said so last | 30 days |
| {n}too_old | an episode of events that were too old to be answered | an hour after the last |
| {n}campaign:<id>, {n}campaign:<id>:log | a campaign, its funnel, its phases | 90 days |
| {n}campaign:<id>:recipients | where each recipient is in the funnel | 90 days |
| {n}campaign:<id>:replied, …:tapped, …:opted_out | a bit for each recipient who did | 90 days |
| {n}campaign:<id>:chunk:<audience>:<k>, …:problems:<audience> | recipients; left out | 90 days; 7 |
| {n}campaigned, {n}campaign:<id>:by_contact:<k> | which campaigns queued whom, and when | 30 days |
| gw:{campaigns}all, gw:{campaigns}active, gw:{campaigns}looks | by number; work; moment | forever |
| gw:{campaigns}promised, {n}uploads | who will queue; audiences being read | an hour; 7 days |
| {n}idempotent:<digest> | what a repeated request to the API is answered | a day after it is due |
| {n}results | sends whose result a Celery task is owed | until it is written |
| {n}record:<id>, {n}records:<contact> | what was planned, and why | GATEWAY_RETENTION |
| {n}recorded | which records there are, oldest first | GATEWAY_RETENTION after the last |
| {n}doubts:<rank>:<contact> | sends of a lane that are unconfirmed | 2 days |
| {n}evidence, gw:stream | statuses that came; since when no gap kept them away | forever |
| {n}dead, {n}dead:<id>, {n}deaths:<id> | dead letters, and their deaths | 30 days |
| {n}unreadable, {n}unreadable:<id> | unreadable events, and their bytes | 30 days |
| {n}timer, {n}timers | events to come back through the inbox | until they fire |
| {n}notification:<id> | one notification, its attempts | while it waits, then GATEWAY_RETENTION |
| {n}notifications, {n}notifications_due | those that wait, and until when | while they wait |
| {n}call:<id> | one call of a service, its attempts | while it waits, then GATEWAY_RETENTION |
| {n}calls, {n}calls_crowded, {n}calls_due:<service>, {n}services | those that wait | then |
| {n}breaker:<service> | failures of a service in a row, until when it rests | a day |
| {n}forward:<id> | one event for one receiver | while it waits, GATEWAY_RESULTS, dead: 30 days |
| {n}forwards, {n}forwards:<receiver> | receivers | forever |
| {n}forwards:<receiver>:… | its forwards by lane; those that are dead | while they wait, or are |
| gw:celery:celery-task-meta-<id> | the result of a Celery task | GATEWAY_RESULTS |
| {n}schedule:<id>, {n}schedules | recurring sends, by their next moment | 30 days after their end |
| {n}bell:<rank>, gw:{inbox}bell, gw:ticked | a wake-up is on its way, a tick ran | a minute |
| gw:stopped, gw:stopped_rules | what must not plan: a release, the rules of accounts | 5 minutes |
| gw:bell:<task> | a wake-up of beat's is on its way | a minute |
| …bell:found | how often the sweep found work since a worker took the wake-up | an hour |
| gw:ran:<what>, gw:ran:cleanup | that a tick, sweep, watch ran, or web wrote | a day; 25 hours |
| gw:{beat}::installed | entries of the schedule, as they were written | forever |
| gw:{beat}::broken | entries of the schedule that cannot be used | 30 days |
| gw:net, gw:watched | which process runs the safety net; that one has just looked | 2 seconds |
| gw:room | how much memory was used, hour by hour | two days, while a watch runs |
| gw:canary | when a canary arrived, and since when one is missing | forever |
| gw:{alerts}noted, gw:{alerts}told | causes, and what was reported of them | until they are over |
| gw:{alerts}seen | counters as the last watch read them | forever |
| gw:secrets | how often each app secret matched, and when last | forever |
| {t}rows, {t}words | templates of Meta's list, their statuses | until the next list |
| {t}news, {t}stopped | what webhooks said since, and which Meta has stopped | until the next list |
| {t}falls | to which quality which templates fell, and when | 30 days after the last |
| {t}state | how large and how old the list is, and why there is no newer one | forever |
| {t}incoming:<what> | the list that is being fetched | 10 minutes |
| {t}fetching | who fetches it | a minute |
| gw:{rules}in_force | which rulebook each worker process has in force | while they report it |
| gw:{rules}kept | the files of the last valid rulebook of each path | forever |
| gw:{api}keys, gw:{api}used | API keys, and when each was last used | until revoked |
| gw:{api}secret | the secret with which cursors of lists are signed | forever |
| gw:{api}bucket:<key> | how many requests a key may make now | a minute after the last |
| gw:{console}users | who may sign in to the console | until removed |
| gw:{console}sign_ins, gw:{console}sign_in_ends | who has signed in, and until when | 12 hours |
| gw:{console}tries:<what> | tries to sign in, by name and by address | 15 minutes |
| gw:{console}revealed:<what> | what a sign-in may see unmasked | 15 minutes |
| gw:{console}job:<id> | how far an act on many things is | a day |
| gw:{console}audit | who did what in the console | forever |
| gw:{console}audit_subjects | what its entries say of customers | as long as the entry |
| gw:{erasures}open | customers who are to be erased, and how far that is | until it is done |
| gw:{erasures}done:<id> | what an erasure found; it names nobody | 30 days |
| gw:{erasures}sends:<id> | ids of the sends that an open one found | until it is done |
| gw:{erasures}lock | who works on erasures | 10 seconds |
| gw:numbers, gw:layout, gw:count, gw:clock | our numbers, the layout, counters, a clock | forever |
| gw:owner | whose the store is, and the format that a release must know | forever |
| {p}lease, {n}pace | after a migration: keep processes of layout 1 out | forever |
| gw:migrated, gw:migration | a migration is under way, and who runs it | until it is done |

| key | bounded by |
|---|---|
| {p}inbox | 75 % of the memory; then 503 |
| {p}cursor, {p}swept, {p}count | a few values each |
| {p}aside, {p}aside:tries, {p}aside:why, {p}aside:oldest | what is in the inbox |
| {p}given_up | 10,000 |
| {p}redacted:<entry> | one for each of these deliveries |
| {p}suspects | one for each death within a day |
| {p}missing | 16 |
| {n}known:<generation>/<bucket> | events of 12 days, 45 bytes each; a bucket some 200 |
| {n}known:<generation> | two values, of 4 generations |
| {n}contact:<name> | customers and their names; 8 KB of variables, 200 moments |
| {n}opted_out | a digest for each name of these customers |
| {n}handed_over | 10,000; those that end soonest go first |
| {n}send:<id> | sends of a day, and dead letters; 24 attempts, 50 redrives |
| {n}finished | one for each of these rows |
| {n}members:<id> | 1,024 participants |
| {n}wamid:<wamid> | attempts of these that Meta accepted |
| {n}done:<rank> | sends of 30 days (bulk: 8); dropped earlier from 60 % of the memory |
| {n}texts | sends of GATEWAY_RETENTION; dropped earlier from 60 % of the memory |
| {n}index:<generation>:<bucket> | two for each record; goes with the records |
| {n}index, {n}index:count | generations of 36 days, each four times as large |
| {n}listed | sends of 30 days; dropped earlier from 60 % of the memory |
| {n}terms:<generation>:<bucket> | one or two for each send listed; goes with the list |
| {n}terms, {n}terms:count | generations of 36 days, each four times as large |
| {n}late_failures | one for each record; 100 are applied in a tick |
| {n}lane:…, {n}ready:…, {n}due, {n}unconfirmed | sends that are not over |
| {n}pair:<contact> | customers written to within 276 seconds |
| {n}stops | 100 rules, and 9 values |
| {n}holding, {n}held:<rule> | rules held, sends that are not over |
| {n}parked, {n}parked:<contact> | 100 of a customer |
| {n}templates, {n}template:<template> | sends that are not over |
| {n}take:<call> | a tenth of a second's messages |
| {n}tokens, {n}places, {n}count | a few values; counters with names of ours |
| {n}reached:<hour> | 12 KB |
| {n}reach, {n}reach:asked | a word each |
| {n}unreachable, {n}unreachable:<k> | 1,000,000 customers, 14 bytes each |
| {n}flagged, {n}flag_news | a moment |
| {n}too_old | a count for each kind of event, and five moments |
| {n}campaign:<id>, {n}campaign:<id>:log | 1,000 campaigns; 100 phases |
| {n}campaign:<id>:recipients | 1,000,000 recipients, 4 bytes each |
| {n}campaign:<id>:replied, …:tapped, …:opted_out | 1,000,000 recipients, a bit each |
| {n}campaign:<id>:chunk:<audience>:<k>, …:problems:<audience> | 1,000 chunks; 10,000 rows |
| {n}campaigned, {n}campaign:<id>:by_contact:<k> | 1,000,000 recipients, 19 bytes each |
| gw:{campaigns}all, gw:{campaigns}active, gw:{campaigns}looks | 1,000 campaigns |
| gw:{campaigns}promised, {n}uploads | 1,000 campaigns; 10,000 uploads |
| {n}idempotent:<digest> | one for each request that has an Idempotency-Key |
| {n}results | one for each send of a Celery task that is over |
| {n}record:<id>, {n}records:<contact> | one for an event; 100 of a customer |
| {n}recorded | records of GATEWAY_RETENTION |
| {n}doubts:<rank>:<contact> | 100 of a lane |
| {n}evidence, gw:stream | a few values |
| {n}dead, {n}dead:<id>, {n}deaths:<id> | 100,000 of a number |
| {n}unreadable, {n}unreadable:<id> | 10,000 of a number, 200 of them whole |
| {n}timer, {n}timers | internal events that were planned |
| {n}notification:<id> | 10,000 that wait; of those that ended no text; 20 attempts |
| {n}notifications, {n}notifications_due | 10,000 |
| {n}call:<id> | 10,000 that wait; of those that ended the request only; 20 attempts |
| {n}calls, {n}calls_crowded, {n}calls_due:<service>, {n}services | 10,000; crowded: a second's |
| {n}breaker:<service> | one for each service |
| {n}forward:<id> | of a receiver a tenth of the store, and 10,000 that are dead; 20 attempts |
| {n}forwards, {n}forwards:<receiver> | receivers that rules named |
| {n}forwards:<receiver>:… | the events that are forwarded; dead ones: 10,000 of a receiver |
| gw:celery:celery-task-meta-<id> | one for each task from another application |
| {n}schedule:<id>, {n}schedules | 10,000 of all numbers; a message of 16 KB, 10 firings |
| {n}bell:<rank>, gw:{inbox}bell, gw:ticked | one of each |
| gw:stopped, gw:stopped_rules | one; one for each rulebook |
| gw:bell:<task> | one for each entry of the schedule |
| …bell:found | one for each wake-up key |
| gw:ran:<what>, gw:ran:cleanup | one for each of five |
| gw:{beat}::installed | one for each entry of ours |
| gw:{beat}::broken | one for each entry of the schedule |
| gw:net, gw:watched | one of each |
| gw:room | 48 hours |
| gw:canary | three values |
| gw:{alerts}noted, gw:{alerts}told | 100 noted; one for each cause and number reported |
| gw:{alerts}seen | one for each counter that is watched |
| gw:secrets | 1,000 secrets; those that matched longest ago go first |
| {t}rows, {t}words | templates that the account has at Meta, 1.5 KB each or less |
| {t}news, {t}stopped | 40,000 |
| {t}falls | 1,000 |
| {t}state | eight values |
| {t}incoming:<what> | as the list |
| {t}fetching | one |
| gw:{rules}in_force | 1,000 processes |
| gw:{rules}kept | the rulebooks of all accounts |
| gw:{api}keys, gw:{api}used | 1,000 keys |
| gw:{api}secret | one |
| gw:{api}bucket:<key> | one for each key |
| gw:{console}users | 1,000 |
| gw:{console}sign_ins, gw:{console}sign_in_ends | 1,000 |
| gw:{console}tries:<what> | names and addresses of 15 minutes |
| gw:{console}revealed:<what> | what users revealed within 15 minutes |
| gw:{console}job:<id> | jobs of a day |
| gw:{console}audit | 10,000 |
| gw:{console}audit_subjects | one for each entry |
| gw:{erasures}open | 1,000 |
| gw:{erasures}done:<id> | one for each erasure |
| gw:{erasures}sends:<id> | sends of one customer |
| gw:{erasures}lock | one |
| gw:numbers, gw:layout, gw:count, gw:clock | 10,000 numbers; counters with names of ours |
| gw:owner | one |
| {p}lease, {n}pace | a word each |
| gw:migrated, gw:migration | one of each |
"""

import hashlib
import re

LAYOUT = "2"
# Raised with each stored field whose loss breaks a promise: a release that knows less refuses to
# start, and processes of both may run until then.
FORMAT = 2
# Partitions of deliveries that hold messages or anything else, and of those with only statuses.
MESSAGE_PARTITIONS, STATUS_PARTITIONS = 8, 4
PARTITIONS = MESSAGE_PARTITIONS + STATUS_PARTITIONS
SPACE = "gw:"

NUMBERS = f"{SPACE}numbers"
LAYOUT_KEY = f"{SPACE}layout"
CLOCK = f"{SPACE}clock"
OWNER = f"{SPACE}owner"
STOPPED_RELEASE = f"{SPACE}stopped"
STOPPED_RULES = f"{SPACE}stopped_rules"
STATUS_STREAM = f"{SPACE}stream"
INBOX_BELL = f"{SPACE}{{inbox}}bell"
API = f"{SPACE}{{api}}"
CONSOLE = f"{SPACE}{{console}}"
ERASURES = f"{SPACE}{{erasures}}"
WAITERS = f"{SPACE}waiters:"  # channels, one for each process whose requests wait
CAMPAIGNS = f"{SPACE}{{campaigns}}"
TICK_GUARD, WATCH_GUARD = f"{SPACE}ticked", f"{SPACE}watched"
LAST_RUN = f"{SPACE}ran:"
CANARY, SAFETY_NET = f"{SPACE}canary", f"{SPACE}net"
MEMORY_HISTORY = f"{SPACE}room"
SECRET_USES = f"{SPACE}secrets"
MIGRATED, MIGRATION = f"{SPACE}migrated", f"{SPACE}migration"
NOTED, TOLD, SEEN = (f"{SPACE}{{alerts}}{what}" for what in ("noted", "told", "seen"))
RULEBOOKS, RULES_KEPT = (f"{SPACE}{{rules}}{what}" for what in ("in_force", "kept"))
WEB_COUNT = f"{SPACE}count"
# RedBeat writes an entry and its place in the schedule in one transaction.
BEAT_PREFIX = f"{SPACE}{{beat}}:"
BEAT_LOCK = f"{BEAT_PREFIX}:lock"  # as RedBeat names its lock

DAY_MS = 86_400_000
MONTH_MS = 30 * DAY_MS  # how long the traces of finished things are kept
# The sweep rings past a wake-up that no worker takes: this only bounds how many pile up meanwhile.
BELL_MS = 60_000


def partition(index: int) -> str:
    """Return the prefix of all keys of one inbox partition."""
    return f"{SPACE}{{p{index}}}:"


def number(phone_number_id: str) -> str:
    """Return the prefix of all keys of one of our numbers, or of events that belong to none."""
    return f"{SPACE}{{n{_plain_name(phone_number_id)}}}:"


def templates(waba: str) -> str:
    """Return the prefix of the templates of a WhatsApp account, "" where its id is not known."""
    return f"{SPACE}{{t{_plain_name(waba)}}}:"


def _plain_name(name: str) -> str:
    """Return an id as a part of a key; a stranger's braces would move the hash tag."""
    if re.fullmatch(r"[\w.-]{0,64}", name, re.ASCII):
        return name
    return "x" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def campaign_bell(campaign: str) -> str:
    """Return the key that marks a campaign's wake-up as on its way."""
    return f"{SPACE}bell:campaign:{campaign}"


def number_bell(phone_number_id: str, priority: str) -> str:
    """Return the key that is set while a wake-up for the number's sends is on its way."""
    return f"{number(phone_number_id)}bell:{priority}"


def task_bell(task: str) -> str:
    """Return the key that is set while a wake-up for a scheduled task is on its way."""
    return f"{SPACE}bell:{task}"
