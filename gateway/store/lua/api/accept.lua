-- accept: store sends that a client asked for, each with the row that makes a repeated request known.
-- with: planned_sends
-- KEYS  1 the number's prefix
-- ARGV  for each send fifteen: id, lane, rank, due in ms (0 = now), expiry in ms, "1" if repeatable,
--       what follows a closed window, rule, row, name of its idempotency row or "", the value of
--       that row, which begins with the id, for how many ms after the send is due it lives, the
--       Celery task that is owed the result, or "", the client's reference or "", and the process
--       that waits for the result, or ""
-- Returns for each false where it was stored, or else the value of the earlier request.
--
-- A failure half-way leaves rows that vanish by themselves, unless they are in a lane already; a
-- repeated request with the same idempotency key finishes them.
local number, now = KEYS[1], clock()
local UNFINISHED = 3600000

local queue, stored = new_queue(), {}

local function finish(id, place)
  local row = redis.call('HMGET', number .. 'send:' .. id, 'stage', 'lane', 'rank', 'due')
  if not row[1] then return end
  if row[1] == 'new' then place_send(queue, number, now, id, row[2], row[3], row[4], place) end
  stored[#stored + 1] = id
end

-- A task that is repeated is answered again: once its send is over, or now.
local function owe_again(id, task)
  local send = number .. 'send:' .. id
  local rung = redis.call('HGET', send, 'rung')
  if rung and tonumber(rung) < C.STATUS_RANK.accepted then
    redis.call('HSET', send, 'task', task)
  else
    redis.call('ZADD', number .. 'results', now, id .. task)
  end
end

-- Who asked last is most likely to be still there.
local function take_over(id, waiter)
  local send = number .. 'send:' .. id
  if waiter ~= '' and redis.call('EXISTS', send) == 1 then redis.call('HSET', send, 'waiter', waiter) end
end

local function accept(i, place)
  local task, waiter = ARGV[i + 12], ARGV[i + 14]
  local id, lane, rank, due, lives = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], tonumber(ARGV[i + 11])
  lives = lives + math.max(0, tonumber(due) - now)
  local known = number .. 'idempotent:' .. ARGV[i + 9]
  local before = ARGV[i + 9] ~= '' and redis.call('GET', known)
  if before then
    local id = before:sub(1, C.ID_LENGTH)
    if task ~= '' then owe_again(id, task) end
    take_over(id, waiter)
    finish(id, place)
    return before
  end
  lane = present_lane(number, lane)
  -- What asked for it, and waits: only a few sends have some of these.
  local asked = {}
  if task ~= '' then asked = {'task', task} end
  if waiter ~= '' then asked[#asked + 1], asked[#asked + 2] = 'waiter', waiter end
  -- Whoever moves a send prolongs what makes a repeated request known.
  if ARGV[i + 9] ~= '' and tonumber(due) > now then
    asked[#asked + 1], asked[#asked + 2] = 'idempotent', ARGV[i + 9]
  end
  write_planned(number, now, id, lane, rank, ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7], ARGV[i + 8],
    ARGV[i + 13], 'due', due, unpack(asked))
  -- Longer than the idempotency row, which leads to it.
  redis.call('PEXPIRE', number .. 'send:' .. id, lives + UNFINISHED)
  if ARGV[i + 9] ~= '' then redis.call('SET', known, ARGV[i + 10], 'PX', lives) end
  place_send(queue, number, now, id, lane, rank, due, place)
  stored[#stored + 1] = id
  return false
end

local place, replies = redis.call('INCR', number .. 'places'), {}
for i = 1, #ARGV, 15 do
  replies[#replies + 1] = accept(i, place + i / (#ARGV + 1))
end
queue_sends(queue, number)
-- The end of the expiry is the last write: before it a send may wait or not.
for _, id in ipairs(stored) do redis.call('PERSIST', number .. 'send:' .. id) end
return replies
