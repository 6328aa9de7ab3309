-- pump: settle the outcomes of attempts, then take as many new ones as the number's pace allows.
-- with: settle, shares
-- KEYS  1 the number's prefix
-- ARGV  1 lease in ms, 2 how many to take, 3 messages per second, 4 name of this call,
--       5 names of calls whose answer was lost, with commas: what they took is given back,
--       then outcomes of seven: send, attempt, outcome, wamid, wait in ms, error, note
-- The outcomes are the functions of `settle`; for unconfirmed the wait is the expiry, and for accepted
-- 1 says that the customer's window was closed.
-- Returns {now, ms until the pace allows more, 1 if more is ready, 1 if the send taken is a probe,
-- why the number that goes on now was paused or "", damaged items, taken}: damaged in threes of
-- kind, id and why, taken as {id, attempt, planned, first, row, rank, repeatable, expires, attempts
-- that do not count, what follows a closed window, "1" if the template goes instead, refusals for
-- the pair, contact, its state, the latest error or ""}.
local number = KEYS[1]
local now = clock()
local RESTS = 60000 -- for this long a damaged lane is skipped
local damaged = {}

for i = 6, #ARGV, 7 do
  if not settle[ARGV[i + 2]] then return redis.error_reply('pump: no such outcome') end
end

local function give_back(id, name)
  local send = number .. 'send:' .. id
  local row = read_send(send)
  if row and row.stage == 'attempting' and row.call == name then
    redis.call('ZADD', number .. 'ready:' .. row.rank, now, row.lane)
    raise(number, send, 'queued', 'attempts', row.attempts - 1)
  end
end

-- The caller never saw what these calls took, so it posted none of it. A call that has not run yet
-- finds its own name here, and takes nothing.
for name in ARGV[5]:gmatch('[^,]+') do
  local lost = number .. 'take:' .. name
  redis.call('SADD', lost, '')
  redis.call('PEXPIRE', lost, ARGV[1])
  for _, id in ipairs(redis.call('SMEMBERS', lost)) do
    local _, why = guarded(give_back, id, name)
    if why then note_damage(damaged, 'lost', id, why) end
  end
end

local stops, resumed = stops_of(number), ''
local function go_on()
  resume(number, now)
  resumed = stops.paused
end

-- What an attempt begun since a pause shows of it. An acceptance ends it, at once or after a trial.
-- A mere "typing" shows less, and a refusal of the send itself shows nothing: then the next one is
-- the probe.
local ITS_OWN = {dead = true, dropped = true, instead = true, parked = true,
  stopped = true, pair = true, postponed = true}
local function look_up(send, row, step)
  if resumed ~= '' or not stops.paused or row.began < tonumber(stops.paused_at) then return end
  local accepted = step == 'accepted' and not was_failed(send, row)
  if accepted and redis.call('HGET', send, 'repeatable') ~= '1' then
    if not stops.late then return go_on() end
    redis.call('HSETNX', number .. 'stops', 'trial', now)
  elseif accepted or ITS_OWN[step] then
    redis.call('HSET', number .. 'stops', 'probe_at', now)
  end
end

local ENDS = {accepted = true, dead = true, dropped = true, parked = true}
local function settle_outcome(i)
  local id, attempt, step = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
  local send = number .. 'send:' .. id
  local row = read_send(send)
  if row then
    row.attempt = ARGV[i + 1]
    row.latest = row.attempts == attempt and row.stage == 'attempting'
    redis.call('HSET', send, 'attempt:' .. attempt, ARGV[i + 6])
    if ARGV[i + 5] ~= '' then
      redis.call('HSETNX', send, 'first_error', ARGV[i + 5])
      redis.call('HSET', send, 'last_error', ARGV[i + 5])
    end
    note_stop_code(number, id, row, attempt, ARGV[i + 5])
    look_up(send, row, step)
    settle[step](number, now, id, send, row, ARGV[i + 3], tonumber(ARGV[i + 4]), ARGV[i + 5])
    if ENDS[step] then wake(row, id) end
  end
end

for i = 6, #ARGV, 7 do
  local _, why = guarded(settle_outcome, i)
  if why then note_damage(damaged, 'outcome', ARGV[i], why) end
end

-- Check first, take after: tokens are counted before lanes are read, so that waiting lanes cost
-- nothing, and neither do those of a number that is paused, held or at rest.
local take = number .. 'take:' .. ARGV[4]
local want = redis.call('EXISTS', take) == 0 and tonumber(ARGV[2]) or 0
local pace = pace_of(number, now, tonumber(ARGV[3]))
if #ARGV > 5 then stops = stops_of(number) end
if is_tried(stops, now) then
  go_on()
  stops = stops_of(number)
end
local stopped = stopped_for(stops, now) > 0
local budget = math.min(want, math.floor(pace.tokens))
if stopped or pace.rest > 0 then budget = 0 end
local probing = stops.paused and budget > 0
if probing then budget = 1 end

-- A row stays small: no decision and no operator needs so old a refusal.
local function forget(send, attempt)
  if attempt < 1 then return end
  local note = redis.call('HGET', send, 'attempt:' .. attempt)
  if note and not note:find('"outcome":"[aku]') then
    redis.call('HDEL', send, 'attempt:' .. attempt, 'began:' .. attempt)
  end
end

local begun -- the send that is being taken, with its attempt

local function attempt(id, send, lane, rank, row, more)
  local attempts, first = row.attempts + 1, more.first or now
  -- The contact as it is now, to show whether the customer wrote before this is settled.
  local _, version, contact = contact_of(number, lane)
  forget(send, attempts - C.ATTEMPTS_KEPT)
  begun = {id = id, send = send, attempts = attempts}
  redis.call('SADD', take, id)
  redis.call('ZADD', number .. 'ready:' .. rank, now + tonumber(ARGV[1]), lane)
  raise(number, send, 'attempting', 'first', first, 'began:' .. attempts, now, 'seen', version or '',
    'attempts', attempts, 'attempting_at', now, 'call', ARGV[4])
  if more.paid then pay_pair(number, now, lane, more.paid) end
  return {id, attempts, more.planned, first, more.row, rank, row.repeatable and '1' or '', more.expires,
    row.spent, more.closed or '', more.instead or '', more.refusals or 0, lane, contact or '',
    more.last_error or ''}
end

-- A head's row, with what an attempt of it needs.
local function read_head(send)
  local row, f = read_send(send, 'planned', 'first', 'row', 'expires', 'closed', 'instead',
    'pair_refusals', 'last_error', 'rule')
  return row, row and {planned = f[1], first = f[2], row = f[3], expires = f[4], closed = f[5],
    instead = f[6], refusals = f[7], last_error = f[8], rule = f[9]}
end

-- Return whether a head may go now: "wait" with its lane for the pair, or be held, out of its lane.
-- A message of a pair is `paid` for; what may be repeated is none.
local function may_go(id, lane, rank, key, row, more)
  if stops.any_rule and stops.rules[more.rule or ''] then
    hold_send(number, more.rule, key, id)
    return 'held'
  end
  if row.repeatable then return 'go' end
  more.paid = paid_until(number, now, lane)
  local from = pair_from(more.paid)
  if from <= now then return 'go' end
  redis.call('ZADD', number .. 'ready:' .. rank, from, lane)
  return 'wait'
end

-- Read a lane's head: an attempt to make, or nil where the lane has to wait or was emptied.
local function work(lane, rank)
  local key = number .. 'lane:' .. rank .. ':' .. lane
  for _ = 1, 8 do
    local id = redis.call('ZRANGE', key, 0, 0)[1]
    if not id then
      redis.call('ZREM', number .. 'ready:' .. rank, lane)
      return nil
    end
    local send = number .. 'send:' .. id
    local row, more = read_head(send)
    if row and row.stage == 'attempting' and not row.repeatable then
      -- Its lease ran out, so its process died: it is unknown whether Meta had it.
      redis.call('HSET', send, 'attempt:' .. row.attempts, '{"outcome":"killed"}')
      doubt(number, now, id, send, row, more.expires)
      return nil
    end
    if row and not row.final and row.rung < C.STATUS_RANK.unconfirmed then
      if tonumber(more.expires) <= now then
        bury(number, now, id, 'expired', '{"reason":"expired before it could be sent"}')
      else
        local may = may_go(id, lane, rank, key, row, more)
        if may == 'go' then return attempt(id, send, lane, rank, row, more) end
        if may == 'wait' then return nil end
      end
    end
    redis.call('ZREM', key, id)
  end
  return nil
end

-- A damaged lane rests, and is reported. No process posts what had been taken of it.
local function rest_lane(lane, rank, why)
  if begun then
    redis.call('SREM', take, begun.id)
    track(number, begun.id, 'queued')
    redis.call('HSET', begun.send, 'stage', 'queued', 'rung', C.STATUS_RANK.queued,
      'attempts', begun.attempts - 1)
  end
  redis.call('ZADD', number .. 'ready:' .. rank, now + RESTS, lane)
  note_damage(damaged, 'lane', '', why)
end

local taken = {}
local function take_of(rank, most)
  if most <= 0 then return 0 end
  local before = #taken
  local lanes = redis.call('ZRANGEBYSCORE', number .. 'ready:' .. rank, '-inf', now, 'LIMIT', 0, most)
  for _, lane in ipairs(lanes) do
    begun = nil
    local one, why = guarded(work, lane, rank)
    if why then rest_lane(lane, rank, why) end
    taken[#taken + 1] = one
  end
  return #taken - before
end

local reserved = reserve_shares(number, now, pace.owed, budget)
local spent, all = spend_budget(budget, reserved, take_of)
count_owed(pace.owed, reserved, spent, all)
if #taken > 0 then
  redis.call('PEXPIRE', take, ARGV[1])
  redis.call('HSET', number .. 'tokens', 'took', now)
end
if #taken > 0 and probing then probe(number, stops, now) end
-- A clock that stepped back must not make the number wait until it has caught up.
if #taken > 0 or pace.back then
  redis.call('HSET', number .. 'tokens', 'tokens', pace.tokens - #taken, 'at', now, 'rate', pace.rate,
    'owed_notices', pace.owed.notice, 'owed', pace.owed.bulk)
end
local more = 0
for _, rank in ipairs(C.PRIORITIES) do
  if more == 0 and redis.call('ZCOUNT', number .. 'ready:' .. rank, '-inf', now) > 0 then more = 1 end
end
-- No wake-up for sends that may not go yet: the tick rings when their time has come.
if stopped or probing or pace.rest > 1000 then more = 0 end
local left = pace.tokens - #taken
local wait = left < 1 and math.ceil((1 - left) * 1000 / pace.rate) or 0
return {now, math.max(wait, pace.rest), more, probing and 1 or 0, resumed, damaged, taken}
