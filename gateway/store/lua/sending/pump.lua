-- pump: settle the outcomes of attempts, then take as many new ones as the number's pace allows.
-- with: settle
-- KEYS  1 the number's prefix
-- ARGV  1 lease in ms, 2 how many to take, 3 messages per second, 4 name of this call,
--       5 names of calls whose answer was lost, with commas: what they took is given back,
--       then outcomes of seven: send, attempt, outcome, wamid, wait in ms, error, note
-- The outcomes are the functions of `settle`; for unconfirmed the wait is the expiry.
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
local ITS_OWN = {dead = true, dropped = true, instead = true, parked = true, pair = true}
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
    look_up(send, row, step)
    settle[step](number, now, id, send, row, ARGV[i + 3], tonumber(ARGV[i + 4]), ARGV[i + 5])
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
  local note = redis.call('HGET', send, 'attempt:' .. attempt)
  if note and not note:find('"outcome":"[aku]') then
    redis.call('HDEL', send, 'attempt:' .. attempt, 'began:' .. attempt)
  end
end

local begun -- the send that is being taken, with its attempt

local function attempt(id, send, lane, rank, attempts)
  -- The contact as it is now, to show whether the customer wrote before this is settled.
  local _, version, contact = contact_of(number, lane)
  forget(send, attempts - C.ATTEMPTS_KEPT)
  begun = {id = id, send = send, attempts = attempts}
  redis.call('SADD', take, id)
  redis.call('ZADD', number .. 'ready:' .. rank, now + tonumber(ARGV[1]), lane)
  redis.call('HSETNX', send, 'first', now)
  redis.call('HSET', send, 'began:' .. attempts, now, 'seen', version or '')
  raise(number, send, 'attempting', 'attempts', attempts, 'attempting_at', now, 'call',
    ARGV[4])
  local row = redis.call('HMGET', send, 'planned', 'first', 'row', 'repeatable', 'expires', 'spent',
    'closed', 'instead', 'pair_refusals', 'last_error')
  if row[4] ~= '1' then pay_pair(number, now, lane) end
  return {id, attempts, row[1], row[2], row[3], rank, row[4], row[5], row[6] or 0, row[7] or '',
    row[8] or '', row[9] or 0, lane, contact or '', row[10] or ''}
end

-- Return whether a head may go now: "wait" with its lane for the pair, or be held, out of its lane.
local function may_go(id, send, lane, rank, key)
  local said = redis.call('HMGET', send, 'repeatable', 'rule')
  if stops.any_rule and stops.rules[said[2] or ''] then
    hold_send(number, said[2], key, id)
    return 'held'
  end
  local from = said[1] == '1' and 0 or pair_from(number, now, lane)
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
    local row = read_send(send)
    local expires = redis.call('HMGET', send, 'expires', 'repeatable')
    if row and row.stage == 'attempting' and expires[2] ~= '1' then
      -- Its lease ran out, so its process died: it is unknown whether Meta had it.
      redis.call('HSET', send, 'attempt:' .. row.attempts, '{"outcome":"killed"}')
      doubt(number, now, id, send, row, expires[1])
      return nil
    end
    if row and not row.final and row.rung < C.STATUS_RANK.unconfirmed then
      if tonumber(expires[1]) <= now then
        bury(number, now, id, 'expired', '{"reason":"expired before it could be sent"}')
      else
        local may = may_go(id, send, lane, rank, key)
        if may == 'go' then return attempt(id, send, lane, rank, row.attempts + 1) end
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
    redis.call('HSET', begun.send, 'stage', 'queued', 'rung', C.STATUS_RANK.queued,
      'attempts', begun.attempts - 1)
  end
  redis.call('ZADD', number .. 'ready:' .. rank, now + RESTS, lane)
  note_damage(damaged, 'lane', '', why)
end

local taken = {}
for _, rank in ipairs({'reply', 'bulk'}) do
  local ready = number .. 'ready:' .. rank
  if #taken < budget then
    local lanes = redis.call('ZRANGEBYSCORE', ready, '-inf', now, 'LIMIT', 0, budget - #taken)
    for _, lane in ipairs(lanes) do
      begun = nil
      local one, why = guarded(work, lane, rank)
      if why then rest_lane(lane, rank, why) end
      taken[#taken + 1] = one
    end
  end
end
if #taken > 0 then
  redis.call('PEXPIRE', take, ARGV[1])
  redis.call('HSET', number .. 'tokens', 'took', now)
end
if #taken > 0 and probing then probe(number, stops, now) end
-- A clock that stepped back must not make the number wait until it has caught up.
if #taken > 0 or pace.back then
  redis.call('HSET', number .. 'tokens', 'tokens', pace.tokens - #taken, 'at', now, 'rate', pace.rate)
end
local more = 0
for _, rank in ipairs({'reply', 'bulk'}) do
  if redis.call('ZCOUNT', number .. 'ready:' .. rank, '-inf', now) > 0 then more = 1 end
end
-- No wake-up for sends that may not go yet: the tick rings when their time has come.
if stopped or probing or pace.rest > 1000 then more = 0 end
local left = pace.tokens - #taken
local wait = left < 1 and math.ceil((1 - left) * 1000 / pace.rate) or 0
return {now, math.max(wait, pace.rest), more, probing and 1 or 0, resumed, damaged, taken}
