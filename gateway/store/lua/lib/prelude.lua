-- Prelude: put before every script. Times are milliseconds of the server's clock, never of a
-- client's. What follows `C.` is a constant of constants.py, written in when a script is read.
local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Beginnings of errors that mean damaged keys: of another type, or without required content. The
-- errors of a server that cannot write now are not among them.
local DAMAGED = {'WRONGTYPE ', 'ERR ', 'attempt to ', 'bad argument ', 'an alias leads nowhere'}

-- Do the work of one item. Where its keys are damaged return nil and why, so that others go on;
-- raise anything else. What was written before stays written.
local function guarded(work, ...)
  local done, result = pcall(work, ...)
  if done then return result end
  local why = type(result) == 'table' and result.err or tostring(result)
  for _, words in ipairs(DAMAGED) do
    if why:find(words, 1, true) then return nil, why:sub(1, 120) end
  end
  error(result, 0)
end

-- Items that a script skipped, three words each: kind, id and why.
local function note_damage(damaged, what, id, why)
  for _, word in ipairs({what, id, why}) do damaged[#damaged + 1] = word end
end

local function opt_out_digest(salt, name)
  return redis.sha1hex(salt .. name):sub(1, 32)
end

-- The state of a contact that there is not: empty, unless one of this name was erased who wanted no
-- marketing (erase_contact.lua).
local opt_out_salt
local function state_before_first(number, name)
  if opt_out_salt == nil then opt_out_salt = redis.call('HGET', number .. 'opted_out', 'salt') end
  local since = opt_out_salt
    and redis.call('HGET', number .. 'opted_out', opt_out_digest(opt_out_salt, name))
  return since and '{"opted_out":' .. since .. ',"asked":' .. since .. '}'
end

-- The contact of a name: its key, version and state; only its key where that is among those
-- `listed`. The name of a joined contact holds `alias`; none leads back. An alias is written to
-- lead to the contact itself (commit.lua), so ways are short.
local MOST_STEPS = 1000
local function contact_of(number, name, listed)
  for _ = 1, MOST_STEPS do
    if listed and listed[name] then return name, false, false end
    local row = redis.call('HMGET', number .. 'contact:' .. name, 'version', 'state', 'alias')
    if not row[3] then return name, row[1], row[1] and row[2] or state_before_first(number, name) end
    name = row[3]
  end
  error('an alias leads nowhere')
end

local function count(number, name, by)
  redis.call('HINCRBY', number .. 'count', name, by or 1)
end

-- Order of deferred deliveries as in the stream: by their millisecond, then by their sequence,
-- which is preceded by its length, since members of one score are ordered as text.
local function ordered(entry)
  local ms, sequence = entry:match('^(%d+)-(%d+)$')
  return ms, string.format('%02d ', #sequence) .. entry
end

-- Defer a delivery, or let a deferred one wait for longer. It holds back trimming before it waits,
-- and for longer than it waits, so a failure in between loses none.
local function set_aside(partition, entry, due)
  local ms, member = ordered(entry)
  redis.call('ZADD', partition .. 'aside:oldest', ms, member)
  redis.call('ZADD', partition .. 'aside', due, entry)
end

-- A delivery is no longer deferred: its reason goes with it.
local function leave_aside(partition, entry)
  redis.call('HDEL', partition .. 'aside:why', entry .. ':first', entry .. ':last')
  redis.call('HDEL', partition .. 'aside:tries', entry)
  redis.call('ZREM', partition .. 'aside', entry)
  local _, member = ordered(entry)
  redis.call('ZREM', partition .. 'aside:oldest', member)
end

-- List a dead letter. A number has room for so many: beyond it the oldest is dropped and counted.
local MOST_DEAD = 100000
-- A forward is no dead letter any more: it leaves the list of its receiver, whose name ends its id.
local function leave_dead_forwards(number, id)
  redis.call('ZREM', number .. 'forwards:' .. id:match('^%x+%-(.*)$') .. ':dead', id)
  redis.call('ZREM', number .. 'dead', 'forward:' .. id)
end

local function list_dead(number, now, letter)
  local dead = number .. 'dead'
  redis.call('ZADD', dead, now, letter)
  for _ = 1, 10 do
    if redis.call('ZCARD', dead) <= MOST_DEAD then return end
    local oldest = redis.call('ZRANGE', dead, 0, 0)[1]
    redis.call('DEL', number .. 'dead:' .. oldest, number .. 'deaths:' .. oldest)
    redis.call('ZREM', dead, oldest)
    local send = oldest:match('^send:(.*)$')
    if send then redis.call('ZADD', number .. 'finished', 'XX', now, send) end
    local forward = oldest:match('^forward:(.*)$')
    if forward then
      redis.call('DEL', number .. 'forward:' .. forward)
      leave_dead_forwards(number, forward)
    end
    count(number, 'dead.crowded_out')
  end
end

-- Let a send's row be compacted once its time has come, however late that is. Repeatable sends (a
-- tick, "typing", a canary) are many, and after a day their result is of no interest.
local function retire(number, id, at, repeatable)
  local send = number .. 'send:' .. id
  if repeatable == nil then repeatable = redis.call('HGET', send, 'repeatable') == '1' end
  if repeatable then
    redis.call('PEXPIRE', send, C.DAY_MS)
  else
    redis.call('ZADD', number .. 'finished', 'LT', at, id)
  end
end

-- A dead letter may begin again, so the row stays as long as the letter.
local function list_dead_send(number, id, now)
  redis.call('ZADD', number .. 'finished', now + C.MONTH_MS, id)
  list_dead(number, now, 'send:' .. id)
end

local function is_attempting(number, id)
  return redis.call('HGET', number .. 'send:' .. id, 'stage') == 'attempting'
end

-- A lane's head, or the send that was posted of it, is done: the next one may go at once, or from a
-- later moment on; an empty lane leaves the ready set. A send that came back to its place meanwhile
-- is before the posted one. The lane is changed last, so that repeating a script that failed in
-- between repairs it.
local function leave_lane(number, rank, lane, id, now, from)
  local key, ready = number .. 'lane:' .. rank .. ':' .. lane, number .. 'ready:' .. rank
  local heads = redis.call('ZRANGE', key, 0, 1)
  local was_head = heads[1] == id
  local head = heads[was_head and 2 or 1]
  if not head then
    redis.call('ZREM', ready, lane)
  elseif (was_head or is_attempting(number, id)) and not is_attempting(number, head) then
    if from and from > now then
      redis.call('HDEL', number .. 'send:' .. id, 'rest_ended')
      redis.call('HSET', number .. 'send:' .. id, 'rest_began', now, 'rest_until', from)
    end
    redis.call('ZADD', ready, from or now, lane)
  end
  redis.call('ZREM', key, id)
end

-- A send becomes one message. A second wamid is indexed too, and means that Meta accepted it twice.
local function learn_wamid(number, id, first, wamid)
  if wamid == '' or wamid == first then return end
  local is_new = redis.call('SET', number .. 'wamid:' .. wamid, id, 'PX', C.MONTH_MS, 'NX')
  if not first then
    redis.call('HSET', number .. 'send:' .. id, 'wamid', wamid)
  elseif is_new then
    count(number, 'sends.doubled')
  end
end

-- A doubt is a send that Meta may have or not. Once a later send of its lane was accepted,
-- repeating it would break the order, so it is marked, and then removed from the doubts.
local MOST_DOUBTS = 100
local function overtake(number, rank, lane, id)
  local doubts = number .. 'doubts:' .. rank .. ':' .. lane
  for _, doubt in ipairs(redis.call('SRANDMEMBER', doubts, MOST_DOUBTS)) do
    local send = number .. 'send:' .. doubt
    if doubt ~= id and redis.call('EXISTS', send) == 1 then redis.call('HSET', send, 'overtaken', 1) end
    redis.call('SREM', doubts, doubt)
  end
end
