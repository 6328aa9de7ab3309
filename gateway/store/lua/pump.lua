-- pump: settle what became of attempts, then take as many new ones as the number's pace allows.
-- KEYS  1 the number's prefix
-- ARGV  1 lease in ms, 2 how many to take, 3 messages per second, 4 name of this call,
--       5 names of calls whose answer never came, with commas: what they took is given back,
--       then outcomes of seven: send, attempt, outcome, wamid, wait in ms, error, note
-- Outcomes: accepted, later, unconfirmed (wait is the expiry), dead, dropped.
-- Returns {now, ms until the pace allows more, 1 if more is ready, taken}, taken as
-- {id, attempt, planned, first, row, rank, repeatable, expires, attempts before the last redrive}.
--
-- Facts are never fenced: whoever learned an outcome records it, and it can only raise the rung.
-- What happens next to the lane is decided only by the attempt that is the latest.
local number = KEYS[1]
local now = clock()
local SILENCE, PATIENCE = 10000, 60000
local ACCEPTED, UNCONFIRMED, ATTEMPTING = 3, 2, 1
local TOLD = 24 -- attempts of a send that are told of, refused or not

-- Always the last write about a send, for it says that all before it was done.
local function raise(send, stage, rung, ...)
  redis.call('HSET', send, 'stage', stage, 'rung', rung, ...)
  count(number, 'sends.' .. stage)
end

local function bury(id, send, stage, failure)
  -- Nobody needs to look at a tick or a "typing" that did not make it; it is counted.
  if redis.call('HGET', send, 'repeatable') ~= '1' then
    redis.call('ZADD', number .. 'dead', now, 'send:' .. id)
  end
  redis.call('ZREM', number .. 'unconfirmed', id)
  redis.call('PEXPIRE', send, 30 * DAY)
  raise(send, stage, ACCEPTED, 'final', 1, 'error', failure)
end

local function doubt(id, send, row, till)
  local doubts = number .. 'doubts:' .. row.rank .. ':' .. row.lane
  redis.call('SADD', doubts, id)
  redis.call('PEXPIRE', doubts, DAY + DAY)
  redis.call('ZADD', number .. 'unconfirmed', till, id)
  redis.call('ZADD', number .. 'ready:' .. row.rank, now + SILENCE, row.lane)
  raise(send, 'unconfirmed', UNCONFIRMED, 'doubted', now)
end

local settle = {}

function settle.accepted(id, send, row, wamid)
  learn_wamid(number, id, row.wamid, wamid)
  overtake(number, row.rank, row.lane, id)
  redis.call('ZREM', number .. 'unconfirmed', id)
  redis.call('ZREM', number .. 'due', id)
  redis.call('PEXPIRE', send, 30 * DAY)
  leave_lane(number, row.rank, row.lane, id, now)
  if not row.final and row.rung < ACCEPTED then raise(send, 'accepted', ACCEPTED) end
end

function settle.later(id, send, row, _, wait)
  if not row.latest or row.final or row.rung >= ACCEPTED then return end
  if wait <= PATIENCE then
    redis.call('ZADD', number .. 'ready:' .. row.rank, now + wait, row.lane)
  else
    -- The conversation need not be silent for longer: the next send may pass.
    redis.call('ZADD', number .. 'due', now + wait, id)
    leave_lane(number, row.rank, row.lane, id, now)
  end
  raise(send, 'queued', 0)
end

function settle.unconfirmed(id, send, row, _, till)
  if not row.latest or row.final or row.rung >= UNCONFIRMED then return end
  doubt(id, send, row, till)
end

function settle.dead(id, send, row, _, _, failure)
  if row.final or row.rung >= ACCEPTED then return end
  leave_lane(number, row.rank, row.lane, id, now)
  bury(id, send, 'dead', failure)
end

function settle.dropped(id, send, row, _, _, failure)
  if row.final or row.rung >= ACCEPTED then return end
  leave_lane(number, row.rank, row.lane, id, now)
  bury(id, send, 'dropped', failure)
end

local function read(send)
  local f = redis.call('HMGET', send, 'stage', 'rung', 'attempts', 'lane', 'rank', 'final', 'wamid',
    'call')
  return f[1] and {stage = f[1], rung = tonumber(f[2]), attempts = tonumber(f[3]), lane = f[4],
    rank = f[5], final = f[6], wamid = f[7], call = f[8]}
end

for i = 6, #ARGV, 7 do
  if not settle[ARGV[i + 2]] then return redis.error_reply('pump: no such outcome') end
end

-- The caller never saw what these calls took, so it has posted nothing of it. One that has not been
-- run yet finds its own name here, and takes nothing.
for name in ARGV[5]:gmatch('[^,]+') do
  local lost = number .. 'take:' .. name
  redis.call('SADD', lost, '')
  redis.call('PEXPIRE', lost, ARGV[1])
  for _, id in ipairs(redis.call('SMEMBERS', lost)) do
    local send = number .. 'send:' .. id
    local row = read(send)
    if row and row.stage == 'attempting' and row.call == name then
      redis.call('ZADD', number .. 'ready:' .. row.rank, now, row.lane)
      raise(send, 'queued', 0, 'attempts', row.attempts - 1)
    end
  end
end

for i = 6, #ARGV, 7 do
  local id, attempt = ARGV[i], tonumber(ARGV[i + 1])
  local send = number .. 'send:' .. id
  local row = read(send)
  if row then
    row.latest = row.attempts == attempt and row.stage == 'attempting'
    redis.call('HSET', send, 'attempt:' .. attempt, ARGV[i + 6])
    if ARGV[i + 5] ~= '' then
      redis.call('HSETNX', send, 'first_error', ARGV[i + 5])
      redis.call('HSET', send, 'last_error', ARGV[i + 5])
    end
    settle[ARGV[i + 2]](id, send, row, ARGV[i + 3], tonumber(ARGV[i + 4]), ARGV[i + 5])
  end
end

-- Ask first, take after: tokens are counted before lanes are looked at, so that waiting lanes cost
-- nothing. The bucket holds a tenth of a second's worth: a full second's burst would put nearly two
-- seconds' messages into one, which Meta refuses.
local rate, take = tonumber(ARGV[3]), number .. 'take:' .. ARGV[4]
local want = redis.call('EXISTS', take) == 0 and tonumber(ARGV[2]) or 0
local pace = redis.call('HMGET', number .. 'pace', 'tokens', 'at')
local room = math.max(1, rate / 10)
local elapsed = now - tonumber(pace[2] or 0)
local tokens = math.min(room, tonumber(pace[1] or room) + math.max(0, elapsed) * rate / 1000)
local budget = math.min(want, math.floor(tokens))

-- A row stays small: of a refusal so long ago neither a decision nor a person needs to know.
local function forget(send, attempt)
  local note = redis.call('HGET', send, 'attempt:' .. attempt)
  if note and (note:find('"outcome":"later"', 1, true) or note:find('"outcome":"dead"', 1, true)) then
    redis.call('HDEL', send, 'attempt:' .. attempt, 'began:' .. attempt)
  end
end

local function attempt(id, send, lane, rank, attempts)
  forget(send, attempts - TOLD)
  redis.call('SADD', take, id)
  redis.call('ZADD', number .. 'ready:' .. rank, now + tonumber(ARGV[1]), lane)
  redis.call('HSETNX', send, 'first', now)
  redis.call('HSET', send, 'began:' .. attempts, now)
  raise(send, 'attempting', ATTEMPTING, 'attempts', attempts, 'attempting_at', now, 'call', ARGV[4])
  local row = redis.call('HMGET', send, 'planned', 'first', 'row', 'repeatable', 'expires',
    'spent')
  return {id, attempts, row[1], row[2], row[3], rank, row[4], row[5], row[6] or 0}
end

-- Look at a lane's head: an attempt to make, or nil where the lane has to wait or was emptied.
local function work(lane, rank)
  local key = number .. 'lane:' .. rank .. ':' .. lane
  for _ = 1, 8 do
    local id = redis.call('ZRANGE', key, 0, 0)[1]
    if not id then
      redis.call('ZREM', number .. 'ready:' .. rank, lane)
      return nil
    end
    local send = number .. 'send:' .. id
    local row = read(send)
    local expires = redis.call('HMGET', send, 'expires', 'repeatable')
    if row and row.stage == 'attempting' and expires[2] ~= '1' then
      -- Its lease ran out, so its process died: nobody knows whether Meta had it.
      redis.call('HSET', send, 'attempt:' .. row.attempts, '{"outcome":"killed"}')
      doubt(id, send, row, expires[1])
      return nil
    end
    if row and not row.final and row.rung < UNCONFIRMED then
      if tonumber(expires[1]) > now then return attempt(id, send, lane, rank, row.attempts + 1) end
      bury(id, send, 'expired', '{"reason":"expired before it could be sent"}')
    end
    redis.call('ZREM', key, id)
  end
  return nil
end

local taken = {}
for _, rank in ipairs({'reply', 'bulk'}) do
  local ready = number .. 'ready:' .. rank
  if #taken < budget then
    local lanes = redis.call('ZRANGEBYSCORE', ready, '-inf', now, 'LIMIT', 0, budget - #taken)
    for _, lane in ipairs(lanes) do taken[#taken + 1] = work(lane, rank) end
  end
end
if #taken > 0 then redis.call('PEXPIRE', take, ARGV[1]) end
-- A clock that stepped back must not let the number wait until it has caught up.
if #taken > 0 or elapsed < 0 then
  redis.call('HSET', number .. 'pace', 'tokens', tokens - #taken, 'at', now)
end
local more = 0
for _, rank in ipairs({'reply', 'bulk'}) do
  if redis.call('ZCOUNT', number .. 'ready:' .. rank, '-inf', now) > 0 then more = 1 end
end
local wait = tokens - #taken < 1 and math.ceil((1 - tokens + #taken) * 1000 / rate) or 0
return {now, wait, more, taken}
