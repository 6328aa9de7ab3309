-- commit: write one contact's events of a batch, whole or not at all.
-- with: deduplication, planned_sends, pace
-- on demand: apply_status, compact_records, notifications, count_answer, calls, forwards
-- KEYS  1 the number's prefix
-- ARGV  1 contact, 2 version it was planned from, 3 version to write,
--       4 state to write ("" to leave the contact alone), then verbs as {name, how many, arguments...}
-- The verbs:
--       know    digest, place, kind, and of an event that was too old to be answered: when it
--               happened and when its delivery was kept, in ms ("" and "" of all others). A `redo`
--               of an older release lacks these two
--       contact (arguments 1 to 4 above; then once for each other name that becomes its alias)
--               name, version of the contact that had this name, "" for none
--       alias   a name that led to one of these, and leads to the contact itself from now on
--       action  id, lane, rank, due in ms (0 = now), expiry in ms, "1" if repeatable, what follows
--               a closed window, rule, row, for how many ms its lane rests until Meta delivered it
--               ("" for not at all)
--       notification  id, payload
--       call    id, service, payload
--       forward id, receiver, place, contact, lane ("" for one of its own), size in bytes
--       forward_copy the same with place "", copy of what is posted
--       stage   send, wamid, stage, its rung, at, error, attempt, "1" if late or "replayed",
--               participant, pricing (of a participant the error is Meta's code alone), what follows
--               a failure ("" for nothing), wait in ms
--       timer   id, due in ms, row
--       record  id, row, lifetime in ms, contact
--       pace    how many messages came in a moment ago
--       hand_over  contact, until when a person answers it (0 if no person does any more)
--       answer  send of a campaign that was answered, how with commas, the title of a tapped button
-- Returns 1 when committed, 0 when refused: a contact changed, or an event is already known.
--
-- A script that fails half-way keeps its first half. So everything is checked first; rows that
-- nothing points at are written before the commit point; the commit point is one HSET of the
-- contact, which carries the rest as `redo`; and the rest is repeatable. The next commit of this
-- contact finishes what `redo` still holds.
local number = KEYS[1]
local now = clock()
local MOST_HANDED_OVER = 10000
local SIZES = {
  know = 5, contact = 2, alias = 1, action = 10, stage = 12, timer = 3, record = 4, pace = 1,
  hand_over = 2, notification = 2, answer = 3, call = 3, forward = 6,
  forward_copy = 7,
}

local verbs, at = {}, 5
while at <= #ARGV do
  local size = tonumber(ARGV[at + 1])
  if SIZES[ARGV[at]] ~= (size or -1) then return redis.error_reply('commit: a verb lacks arguments or is unknown') end
  local verb = {ARGV[at]}
  for i = 1, size do verb[i + 1] = ARGV[at + 1 + i] end
  verbs[#verbs + 1] = verb
  at = at + 2 + size
end
if at ~= #ARGV + 1 then return redis.error_reply('commit: a verb lacks arguments') end
-- Names come first: how many there are.
local names = 0
while verbs[names + 1] and verbs[names + 1][1] == 'contact' do names = names + 1 end
if names > 0 and ARGV[4] == '' then
  return redis.error_reply('commit: a name lacks the contact that it becomes one of')
end

local apply = {}

-- An episode ends an hour after its last event. Damage to it must not stop a commit.
local EPISODE = 3600000
local function note_too_old(kind, at, kept)
  count(number, 'too_old.' .. kind)
  guarded(function()
    local name = number .. 'too_old'
    local moments = redis.call('HMGET', name, 'oldest', 'newest', 'kept_first', 'kept_last')
    local function widen(i, field, moment, sign)
      local before = tonumber(moments[i])
      if not before or sign * moment > sign * before then redis.call('HSET', name, field, moment) end
    end
    redis.call('HSETNX', name, 'since', now)
    widen(1, 'oldest', at, -1)
    widen(2, 'newest', at, 1)
    widen(3, 'kept_first', kept, -1)
    widen(4, 'kept_last', kept, 1)
    redis.call('HINCRBY', name, 'events.' .. kind, 1)
    redis.call('PEXPIRE', name, EPISODE)
  end)
end

function apply.know(digest, place, kind, at, kept)
  if redis.call('ZREM', number .. 'dead', 'event:' .. digest) == 1 then
    redis.call('DEL', number .. 'dead:event:' .. digest, number .. 'deaths:event:' .. digest)
  end
  if not know(number, now, digest, place) then return end
  count(number, 'events.' .. kind)
  if at and at ~= '' then note_too_old(kind, at, kept) end
end

local function version_of(contact)
  return redis.call('HGET', contact, 'version') or ''
end

-- The contact that had this name is now part of the contact's state. If another commit changed it
-- since, it is left alone: the next event with both names joins them again.
function apply.contact(name, version, contact, token)
  local key = number .. 'contact:' .. name
  if version_of(key) ~= version then return end
  redis.call('HSET', key, 'alias', contact, 'version', token, 'state', '')
end

function apply.alias(name, contact)
  local key = number .. 'contact:' .. name
  if redis.call('HEXISTS', key, 'alias') == 1 then redis.call('HSET', key, 'alias', contact) end
end

function apply.push(id, lane, rank, due, place)
  push_planned(number, now, id, lane, rank, due, place)
end

local notifications
function apply.announce(id)
  notifications = notifications or load_notifications()
  notifications.announce(number, now, id)
end

local calls
function apply.announce_call(id)
  calls = calls or load_calls()
  calls.announce(number, now, id)
end

local forwards
function apply.hand_on(id, place)
  forwards = forwards or load_forwards()
  forwards.announce(number, now, id, place)
end

local apply_status, customer = nil, ''
function apply.stage(...)
  apply_status = apply_status or load_apply_status()
  apply_status(number, now, customer, ...)
end

function apply.timer(id, due, row)
  redis.call('HSET', number .. 'timer', id, row)
  redis.call('ZADD', number .. 'timers', 'NX', due, id)
end

-- Sends parked until the customer writes go before those planned now, since they keep their place.
function apply.unpark(contact)
  unpark(number, contact, now)
end

function apply.pace(messages)
  pay_inbound(number, now, tonumber(messages))
end

-- Do what follows from the events of a customer.
local function run(name, rest)
  customer = name
  for _, verb in ipairs(rest) do
    apply[verb[1]](unpack(verb, 2, 13))  -- as many as the longest verb has
  end
end

local function finish(name, redo)
  if not redo then return end
  run(name, cmsgpack.unpack(redo))
  redis.call('HDEL', number .. 'contact:' .. name, 'redo')
end

-- Finish what an earlier script left undone, then check.
local contact = number .. 'contact:' .. ARGV[1]
local before = redis.call('HMGET', contact, 'version', 'redo')
if ARGV[1] ~= '' then finish(ARGV[1], before[2]) end
for i = 1, names do
  finish(verbs[i][2], redis.call('HGET', number .. 'contact:' .. verbs[i][2], 'redo'))
end
-- That may have made an alias of any of these names.
for i = 1, names do
  if version_of(number .. 'contact:' .. verbs[i][2]) ~= verbs[i][3] then return 0 end
end
local version = names > 0 and version_of(contact) or before[1] or ''
if ARGV[4] ~= '' and version ~= ARGV[2] then return 0 end
for _, verb in ipairs(verbs) do
  if verb[1] == 'know' and known_place(number, now, verb[2]) then return 0 end
end

-- The answer to a failed status is planned again whenever its send fails once more, under the same
-- id (`answering_id` in core/sending/send.py), so what is left of it also makes it known. All other
-- sends are planned from one event, which is known.
local function was_planned(id)
  if redis.call('EXISTS', number .. 'send:' .. id) == 1 then return true end
  if id:sub(1, 1) ~= C.ANSWERS_A_STATUS then return false end
  local records = load_compact_records()
  return records.look_up_spot(number, records.spot_of('s' .. id)) ~= nil
end

-- The list is compared with the contacts when it is read, so a contact is listed before it is written,
-- and leaves the list after that: a failure in between hides none.
local given_back = {}
local function list_hand_over(contact, till)
  local list = number .. 'handed_over'
  if tonumber(till) <= now then
    given_back[#given_back + 1] = contact
    return
  end
  redis.call('ZREMRANGEBYSCORE', list, '-inf', now)
  redis.call('ZADD', list, till, contact)
  redis.call('ZREMRANGEBYRANK', list, 0, -1 - MOST_HANDED_OVER)
  redis.call('PEXPIREAT', list, redis.call('ZREVRANGE', list, 0, 0, 'WITHSCORES')[2])
end

-- Rows that nothing points at yet.
local rest, answers = {}, nil
local function wake(name)
  if redis.call('EXISTS', number .. 'parked:' .. name) == 1 then rest[#rest + 1] = {'unpark', name} end
end
if ARGV[4] ~= '' then wake(ARGV[1]) end
for i = 1, names do wake(verbs[i][2]) end
local place = redis.call('INCR', number .. 'places')
for i, verb in ipairs(verbs) do
  local here = place + i / (#verbs + 1)
  if verb[1] == 'action' then
    if not was_planned(verb[2]) then
      local wait = verb[11] ~= '' and {'delivery_wait', verb[11]} or {}
      write_planned(number, now, verb[2], verb[3], verb[4], verb[6], verb[7], verb[8], verb[9], verb[10],
        '', unpack(wait))
    end
    rest[#rest + 1] = {'push', verb[2], verb[3], verb[4], verb[5], here}
  elseif verb[1] == 'record' then
    -- Listed before it exists, so that none is without its entry; two entries do no harm. Entries
    -- that are older than a record's lifetime are dropped from the list on the way.
    local written, since = number .. 'recorded', string.format('%.0f', math.max(0, now - verb[4]))
    redis.call('XADD', written, 'MINID', '~', since, '*', verb[2], verb[5])
    redis.call('PEXPIRE', written, verb[4])
    redis.call('SET', number .. 'record:' .. verb[2], verb[3], 'PX', verb[4])
    local list = number .. 'records:' .. verb[5]
    redis.call('ZADD', list, 'NX', here, verb[2])
    redis.call('ZREMRANGEBYRANK', list, 0, -101)
    redis.call('PEXPIRE', list, verb[4])
  elseif verb[1] == 'hand_over' then
    list_hand_over(verb[2], verb[3])
  elseif verb[1] == 'answer' then
    -- Counting it twice changes nothing, and an older release knows no such verb in `redo`.
    answers = answers or load_count_answer()
    guarded(answers, number, verb[2], verb[3], verb[4])
  elseif verb[1] == 'notification' then
    notifications = notifications or load_notifications()
    notifications.write(number, now, verb[2], verb[3])
    rest[#rest + 1] = {'announce', verb[2]}
  elseif verb[1] == 'call' then
    calls = calls or load_calls()
    calls.write(number, now, verb[2], verb[3], verb[4])
    rest[#rest + 1] = {'announce_call', verb[2]}
  elseif verb[1] == 'forward' or verb[1] == 'forward_copy' then
    forwards = forwards or load_forwards()
    forwards.write(number, now, unpack(verb, 2, 7))
    if verb[8] then forwards.keep_copy(number, verb[2], verb[8]) end
    rest[#rest + 1] = {'hand_on', verb[2], here}
  elseif verb[1] == 'contact' then
    rest[#rest + 1] = {'contact', verb[2], verb[3], ARGV[1], ARGV[3]}
  elseif verb[1] == 'alias' then
    rest[#rest + 1] = {'alias', verb[2], ARGV[1]}
  else
    rest[#rest + 1] = verb
  end
end

-- The commit point, and what follows from it.
if ARGV[4] ~= '' then
  redis.call('HSET', contact, 'version', ARGV[3], 'state', ARGV[4], 'redo', cmsgpack.pack(rest))
end
run(ARGV[1], rest)
for _, name in ipairs(given_back) do redis.call('ZREM', number .. 'handed_over', name) end
if ARGV[4] ~= '' then redis.call('HDEL', contact, 'redo') end
return 1
