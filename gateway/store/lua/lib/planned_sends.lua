-- Planned sends: their rows, and their way into a lane. Until a send is in its lane, or due later,
-- its stage is `new`: nothing points at it yet.
-- with: lanes, listed_sends
-- A send is listed before it exists, so that none is missing; what may be repeated is in no list.
local function write_planned(number, now, id, lane, rank, expires, repeatable, closed, rule, row, reference, ...)
  if repeatable ~= '1' then list_send(number, now, id, lane, reference or '') end
  redis.call('HSET', number .. 'send:' .. id, 'stage', 'new', 'rung', C.STATUS_RANK.queued,
    'attempts', 0, 'lane', lane, 'rank', rank, 'planned', now, 'expires', expires,
    'repeatable', repeatable, 'closed', closed, 'rule', rule, 'row', row, ...)
end

-- The contact may have become one with another since the send was planned: it goes where the
-- person's other sends wait. One that cannot be read is no reason to refuse.
local function present_lane(number, name)
  if guarded(redis.call, 'HGET', number .. 'contact:' .. name, 'alias') == false then return name end
  return guarded(contact_of, number, name) or name
end

-- Sends on their way to where they wait, those of one script together: see `queue_sends`.
local function new_queue()
  return {ids = {}, has = {}, ready = {}}
end

-- Put a send of the stage `new` into its lane, which is ready now or `from` a moment on, or among
-- those that are due later. Sends that are due in the same moment stay in the order of their places.
local function place_send(queue, number, now, id, lane, rank, due, place, from)
  if queue.has[id] then return end
  if tonumber(due) > now then
    redis.call('ZADD', number .. 'due', tonumber(due) + place % 1, id)
  else
    redis.call('ZADD', number .. 'lane:' .. rank .. ':' .. lane, 'NX', place, id)
    local ready = queue.ready[rank] or {}
    ready[#ready + 1], ready[#ready + 2] = from or now, lane
    queue.ready[rank] = ready
  end
  queue.ids[#queue.ids + 1], queue.has[id] = id, true
end

-- Let the lanes of placed sends be ready, all in one write, and then the sends be queued: whoever
-- repeats what failed before finds them `new`.
local function queue_sends(queue, number)
  for _, rank in ipairs(C.PRIORITIES) do
    if queue.ready[rank] then redis.call('ZADD', number .. 'ready:' .. rank, 'NX', unpack(queue.ready[rank])) end
  end
  track_queued(number, queue.ids)
  for _, id in ipairs(queue.ids) do redis.call('HSET', number .. 'send:' .. id, 'stage', 'queued') end
  if #queue.ids > 0 then count(number, 'sends.queued', #queue.ids) end
  count_listed(number)
end

local function push_planned(number, now, id, lane, rank, due, place)
  if redis.call('HGET', number .. 'send:' .. id, 'stage') ~= 'new' then return end
  local queue = new_queue()
  place_send(queue, number, now, id, lane, rank, due, place)
  queue_sends(queue, number)
end
